// Package system opens the pollers that this system has.
package system

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"example.com/pike/poller"
)

// EnvBackend names the environment variable that Open obeys when its caller
// leaves the choice open.
const EnvBackend = "PIKE_POLLER"

// A backend is one way this system has of waiting for sockets.
type backend struct {
	name string
	open func() (poller.Poller, error)
}

// Backends lists the names of the backends that this system can have, the
// preferred one first.
func Backends() []string {
	var names []string
	for _, b := range backends {
		names = append(names, b.name)
	}
	return names
}

// Open opens the backend called name. An empty name leaves the choice to the
// environment variable PIKE_POLLER and then to the system's order of
// preference. An unknown name is an error that lists those there are and wraps
// [errors.ErrUnsupported].
func Open(name string) (poller.Poller, error) {
	if name == "" {
		name = os.Getenv(EnvBackend)
	}
	if len(backends) == 0 {
		return nil, fmt.Errorf("poller: this system has no backend yet: %w", errors.ErrUnsupported)
	}
	if name == "" {
		return backends[0].open()
	}
	for _, b := range backends {
		if b.name == name {
			return b.open()
		}
	}
	return nil, fmt.Errorf("poller: no backend %q here (there is %s): %w",
		name, strings.Join(Backends(), ", "), errors.ErrUnsupported)
}
