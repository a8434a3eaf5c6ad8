//go:build unix

package handover_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/handover"
)

// A manager listens as systemd does.
type manager struct {
	t *testing.T
	c *net.UnixConn
}

func newManager(t *testing.T, path string) *manager {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, c}
}

// shortDir is a folder whose name leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pike")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (m *manager) hears(want string) {
	m.t.Helper()
	m.c.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	n, err := m.c.Read(b)
	if err != nil || string(b[:n]) != want {
		m.t.Errorf("it heard %q, %v, want %q", b[:n], err, want)
	}
}

func TestNotify(t *testing.T) {
	m := newManager(t, filepath.Join(shortDir(t), "notify"))
	for want, state := range map[string][]string{
		"STOPPING=1":            {"STOPPING=1"},
		"MAINPID=4711\nREADY=1": {"MAINPID=4711", "READY=1"},
		"STATUS=a = b":          {"STATUS=a = b"},
	} {
		if err := handover.Notify(state...); err != nil {
			t.Error(err)
		}
		m.hears(want)
	}
	for _, state := range []string{"", "READY", "=1", "STATUS=a\nb", "STATUS=\x00"} {
		if err := handover.Notify("READY=1", state); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v", state, err)
		}
	}
	if err := handover.Notify(); err != nil {
		t.Error(err)
	}
	if err := handover.Notify("STATUS=the last"); err != nil {
		t.Error(err)
	}
	m.hears("STATUS=the last") // so the others have sent nothing
}

// Nobody is waited for who has started no process that tells him.
func TestReadyTellsTheManager(t *testing.T) {
	m := newManager(t, filepath.Join(shortDir(t), "notify"))
	g, err := handover.Take()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Ready(); err != nil {
			t.Error(err)
		}
	}
	if err := handover.Notify("STOPPING=1"); err != nil {
		t.Error(err)
	}
	m.hears("READY=1")
	m.hears("STOPPING=1") // and no second READY=1
}

func TestNotifyNobody(t *testing.T) {
	dir := shortDir(t)
	long := filepath.Join(dir, strings.Repeat("n", 110))
	full := filepath.Join(dir, strings.Repeat("n", len(syscall.RawSockaddrUnix{}.Path)-len(dir)-1)) // no room for the last byte
	for path, want := range map[string]error{
		"":                             nil,
		filepath.Join(dir, "none"):     os.ErrNotExist,
		long:                           syscall.ENAMETOOLONG,
		full:                           syscall.ENAMETOOLONG,
		full[:len(full)-1]:             os.ErrNotExist,
		"@" + strings.Repeat("n", 120): syscall.ENAMETOOLONG,
		"@":                            errors.ErrUnsupported,
		"/":                            errors.ErrUnsupported,
		"vsock:2:1234":                 errors.ErrUnsupported,
		"notify":                       errors.ErrUnsupported,
	} {
		t.Setenv("NOTIFY_SOCKET", path)
		if err := handover.Notify("READY=1"); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
}

// A process that was given nothing can be closed all the same.
func TestNothingGiven(t *testing.T) {
	g, err := handover.Take()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Listener(nil, "one", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a listener that was not given: %v", err)
	}
	if err := errors.Join(g.Close(), g.Close()); err != nil {
		t.Error(err)
	}
}
