package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"example.com/pike/unix"
)

func TestListenErrors(t *testing.T) {
	h := newHall(t, Options{})
	if _, err := Listen(h.lp, h.srv.Addr().String(), Options{}); err == nil {
		t.Error("the address was taken twice")
	}
	if _, err := Listen(h.lp, "nonsense", Options{}); err == nil {
		t.Error("nonsense was listened on")
	}
}

// TestJoinsAreLogged has one line for each who joins, takes a name, leaves or is dropped.
func TestJoinsAreLogged(t *testing.T) {
	h := newHall(t, Options{Idle: time.Minute})
	a := h.named("ann")
	b := h.named("bob")
	b.conn.Close()
	a.next("* bob left #lobby")
	h.taken(a)
	h.pass(time.Minute)
	a.next("! nothing came from you")
	var got []string
	for _, e := range h.logs.All() {
		if name := e.ContextMap()["name"]; name != nil && e.Level >= zapcore.InfoLevel {
			got = append(got, fmt.Sprint(e.Message, " ", name))
		}
	}
	want := []string{"joined guest-1", "renamed ann", "joined guest-2", "renamed bob", "left bob", "dropped ann"}
	if !slices.Equal(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}
}

func TestUnix(t *testing.T) {
	h := newHall(t, Options{})
	dir, err := os.MkdirTemp("", "chat")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	if err := h.srv.ListenUnix(path); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	a := h.named("ann")
	b := &peer{h: h}
	b.conn, err = unix.Dial(h.lp, path, nil, func(c *unix.Conn, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		c.OnRead = b.received
		b.send("hello from a path")
	})
	if err != nil {
		t.Fatal(err)
	}
	a.next("[#lobby] guest-2: hello from a path")
	h.srv.Shutdown()
	a.next(goodbye)
	b.next(goodbye)
	a.conn.Close()
	b.conn.Close()
	h.end()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}
