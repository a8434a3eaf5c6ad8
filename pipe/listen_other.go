//go:build !windows

package pipe

import (
	"errors"
	"fmt"
)

var errNoNames = fmt.Errorf("pipes have names on Windows only, and package unix has what is local here: %w", errors.ErrUnsupported)

// checkNamed is why there is no pipe with a name.
func checkNamed(string) error { return errNoNames }
