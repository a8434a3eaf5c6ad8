//go:build !windows

package unix_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/unix"
)

// TestMisuse holds that bad input is an error that says what was done, and to what.
func TestMisuse(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	fn := func(*unix.Conn, error) { t.Error("fn is called") }
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 200))
	for name, c := range map[string]struct {
		err  error
		want error
		text string
	}{
		"Listen, no path":  {listen(lp, ""), os.ErrInvalid, "listen unix"},
		"Dial, no path":    {dial(lp, "", fn), os.ErrInvalid, "dial unix"},
		"Listen, no loop":  {listen(nil, "s"), os.ErrInvalid, "listen unix s"},
		"Dial, no loop":    {dial(nil, "s", fn), os.ErrInvalid, "dial unix s"},
		"Dial, no fn":      {dial(lp, "s", nil), os.ErrInvalid, "dial unix s"},
		"Listen, too long": {listen(lp, long), syscall.ENAMETOOLONG, "listen unix " + long},
	} {
		if !errors.Is(c.err, c.want) || !strings.HasPrefix(c.err.Error(), c.text) {
			t.Errorf("%s: %v, want %q and %v", name, c.err, c.text, c.want)
		}
	}
}

func listen(lp *loop.Loop, path string) error { _, err := unix.Listen(lp, path, nil); return err }

func dial(lp *loop.Loop, path string, fn func(*unix.Conn, error)) error {
	_, err := unix.Dial(lp, path, nil, fn)
	return err
}
