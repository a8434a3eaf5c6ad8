package handover_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"example.com/pike/handover"
	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// Nothing can be handed over, and the error says so; a program finds that it was given nothing, and listens itself.
func TestUnsupported(t *testing.T) {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	t.Setenv("LISTEN_FDS", "1")
	t.Setenv("LISTEN_PID", "1")
	g, err := handover.Take()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Listener(lp, "http", nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := g.Ready(); err != nil {
		t.Error(err)
	}
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, lns := range []map[string]*stream.Listener{nil, {"http": ln}} {
		_, err = handover.Start(lp, exec.Command(os.Args[0]), handover.Options{Listeners: lns}, func(*handover.Next, error) {})
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	}
}
