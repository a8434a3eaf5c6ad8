package pipe_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"example.com/pike/pipe"
)

// Anonymous pipes of Windows cannot be waited for.
func TestUnsupported(t *testing.T) {
	r := newRig(t)
	f, g, err := os.Pipe()
	r.no(err)
	defer f.Close()
	defer g.Close()
	_, err = pipe.Open(r.lp, f, nil)
	r.is(err, errors.ErrUnsupported)
	_, err = pipe.OpenBoth(r.lp, f, g, nil)
	r.is(err, errors.ErrUnsupported)
	_, err = pipe.Start(r.lp, exec.Command("cmd", "/c", "exit"), nil)
	r.is(err, errors.ErrUnsupported)
	r.run()
}
