package unix_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/unix"
)

// TestUnsupported holds that Windows says so, and why.
func TestUnsupported(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	is := func(err error) {
		t.Helper()
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "AcceptEx") {
			t.Errorf("%v, want errors.ErrUnsupported and the reason", err)
		}
	}
	_, err = unix.Listen(lp, "socket", nil)
	is(err)
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	_, err = unix.ListenGroup(g, "socket", nil)
	is(err)
	told := false
	_, err = unix.Dial(lp, "socket", nil, func(_ *unix.Conn, err error) { told = true; is(err) })
	if err != nil {
		t.Fatal(err)
	}
	if err := lp.Run(); err != nil || !told {
		t.Errorf("told %v, %v", told, err)
	}
}
