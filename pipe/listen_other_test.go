//go:build !windows

package pipe_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/pipe"
)

// TestNoNamedPipes holds that other systems say so, and where to look.
func TestNoNamedPipes(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	const name = `\\.\pipe\x`
	_, listen := pipe.Listen(lp, name, nil)
	_, dial := pipe.Dial(lp, name, nil, func(*pipe.Conn, error) { t.Error("called") })
	for _, err := range []error{listen, dial} {
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "package unix") {
			t.Errorf("%v", err)
		}
	}
}
