//go:build !windows

package unix_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/unix"
)

// workerEnv has TestPassingWorker be the other process: it is the path of the socket.
const workerEnv = "PIKE_TEST_WORKER"

func TestPassingWorker(t *testing.T) {
	path := os.Getenv(workerEnv)
	if path == "" {
		t.Skip("TestConnToAnotherProcess runs it, in a process of its own")
	}
	if err := work(path); err != nil {
		t.Fatal(err)
	}
}

// work takes connections over, and answers each line with what it is and who it comes from.
func work(path string) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	var failed error
	serve := func(c *tcp.Conn) {
		line := ""
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if line += string(p); strings.HasSuffix(line, "\n") {
				c.WriteString(c.RemoteAddr().String() + " says " + line)
				line = ""
			}
		}
	}
	_, err = unix.Dial(lp, path, nil, func(c *unix.Conn, err error) {
		if failed = err; err != nil {
			return
		}
		var passed []*tcp.Conn
		failed = unix.OnPassed(c, func(_ *unix.Conn, files []*unix.Passed) {
			for _, f := range files {
				conn, err := f.Conn()
				if err == nil {
					err = stream.Prepend(conn, []byte("earlier, "))
				}
				if err != nil {
					failed = err
					continue
				}
				serve(conn)
				passed = append(passed, conn)
			}
		})
		c.OnRead = stream.Discard
		c.WriteString("ready")
		c.OnClose = func(*unix.Conn, error) { // when the parent ends, so does all of this
			for _, p := range passed {
				p.Close()
			}
		}
	})
	if err != nil {
		return err
	}
	bound, err := timer.After(lp, time.Minute, lp.Stop)
	if err != nil {
		return err
	}
	bound.Unref()
	err = lp.Run()
	return errors.Join(err, failed)
}

// TestConnToAnotherProcess accepts connections here, reads a little, and passes them to a process that
// goes on with them. Their clients notice nothing.
func TestConnToAnotherProcess(t *testing.T) {
	before := descriptors(t)
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	p := &pair{T: t, lp: lp}
	dir, err := os.MkdirTemp("", "pike")
	p.no(err)
	defer os.RemoveAll(dir)
	uln, err := unix.Listen(lp, filepath.Join(dir, "s"), nil)
	p.no(err)
	var worker *unix.Conn
	uln.OnAccept = func(c *unix.Conn) {
		c.OnRead = func(c *unix.Conn, _ []byte) { worker = c }
		uln.Close()
	}
	exe, err := os.Executable()
	p.no(err)
	cmd := exec.Command(exe, "-test.run=^TestPassingWorker$")
	cmd.Env = append(os.Environ(), workerEnv+"="+filepath.Join(dir, "s"))
	cmd.Stderr = os.Stderr
	p.no(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	p.until("the worker is there", func() bool { return worker != nil })

	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	p.no(err)
	accepted, closed := 0, 0
	var reasons []error
	ln.OnAccept = func(c *tcp.Conn) {
		accepted++
		c.WriteString("hello\n") // it is sent before the connection is passed
		c.OnClose = func(_ *tcp.Conn, err error) { closed++; reasons = append(reasons, err) }
		if err := unix.WriteConn(worker, []byte("x"), c); err != nil {
			t.Errorf("WriteConn: %v", err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after WriteConn: %v", err)
		}
	}
	const clients = 20
	got, addr := 0, ln.LocalAddr().String()
	for range clients {
		go func() {
			err := talk(addr)
			lp.Post(func() {
				if got++; err != nil {
					t.Error(err)
				}
			})
		}()
	}
	p.until("the clients are done", func() bool { return got == clients })
	if accepted != clients || closed != clients {
		t.Errorf("%d accepted, %d closed here", accepted, closed)
	}
	for _, err := range reasons {
		if err != nil {
			t.Errorf("the reason of OnClose is %v", err)
		}
	}
	ln.Close()
	worker.Close()
	gone := false
	go func() {
		err := <-done
		lp.Post(func() {
			if gone = true; err != nil {
				t.Error("the worker: ", err)
			}
		})
	}()
	p.until("the worker has ended", func() bool { return gone })
	lp.Close()
	if after := descriptors(t); after > before+1 { // package os may have opened one for the child
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// talk is a client of the service.
func talk(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(c, "my ") // which may arrive before the connection is passed, or after
	io.WriteString(c, "line\n")
	r := bufio.NewReader(c)
	for _, want := range []string{"hello\n", c.LocalAddr().String() + " says earlier, my line\n"} {
		got, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if got != want {
			return errors.New("got " + got + "want " + want)
		}
	}
	io.WriteString(c, "again\n")
	got, err := r.ReadString('\n')
	if want := c.LocalAddr().String() + " says again\n"; err == nil && got != want {
		return errors.New("got " + got + "want " + want)
	}
	return err
}

// TestWriteConnKeepsWhatItCannotPass refuses a connection of which something is here, and leaves it.
func TestWriteConnKeepsWhatItCannotPass(t *testing.T) {
	p := newPair(t, nil, func(b *unix.Conn) { b.PauseRead() })
	other := newPairOn(p, func(b *unix.Conn) { b.OnEOF = func(*unix.Conn) {} })
	other.a.WriteString("kept for an OnRead")
	other.a.CloseWrite()
	p.until("it is sent", func() bool { return other.a.Buffered() == 0 })
	for range 5 { // and read, and kept
		p.lp.RunNoWait()
	}
	if err := unix.WriteConn(p.a, []byte("x"), other.b); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("WriteConn of what has something kept: %v", err)
	}
	got := ""
	other.b.OnRead = func(_ *unix.Conn, p []byte) { got += string(p) }
	p.until("it is read", func() bool { return got == "kept for an OnRead" })
	// Output that the system does not take stays, too.
	full := newPairOn(p, func(b *unix.Conn) { b.PauseRead() })
	full.a.Write(make([]byte, 4<<20))
	if err := unix.WriteConn(p.a, []byte("x"), full.a); !errors.Is(err, syscall.EBUSY) || full.a.Closing() {
		t.Errorf("WriteConn with output queued: %v", err)
	}
	// So do files.
	f := file(t, "")
	defer f.Close()
	files := newPairOn(p, nil)
	p.no(unix.WriteFiles(files.a, []byte("x"), f))
	if err := unix.WriteConn(p.a, []byte("x"), files.a); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("WriteConn with a file queued: %v", err)
	}
}

// newPairOn is another connection on the loop of p.
func newPairOn(p *pair, set func(b *unix.Conn)) *pair {
	p.Helper()
	q := &pair{T: p.T, lp: p.lp}
	dir, err := os.MkdirTemp("", "pike")
	p.no(err)
	p.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := unix.Listen(p.lp, filepath.Join(dir, "s"), nil)
	p.no(err)
	ln.OnAccept = func(c *unix.Conn) {
		q.b = c
		ln.Close()
		if set != nil {
			set(c)
		}
	}
	_, err = unix.Dial(p.lp, filepath.Join(dir, "s"), nil, func(c *unix.Conn, err error) {
		p.no(err)
		q.a = c
	})
	p.no(err)
	p.until("they are connected", func() bool { return q.a != nil && q.b != nil })
	return q
}

// TestPassWhatWasRead reads the first bytes of a connection here, and passes them along: the other end reads
// them as if it had been there from the beginning.
func TestPassWhatWasRead(t *testing.T) {
	var waiting []*unix.Conn
	got, ended := map[*unix.Conn]string{}, 0
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) {
			for _, f := range files {
				c, err := f.Conn()
				if err != nil {
					t.Fatal(err)
				}
				c.PauseRead() // until what was read is there
				c.OnRead = func(c *unix.Conn, p []byte) { got[c] += string(p) }
				c.OnEOF = func(c *unix.Conn) { ended++; c.Close() }
				waiting = append(waiting, c)
			}
		})
		var in []byte
		b.OnRead = func(_ *unix.Conn, p []byte) {
			for in = append(in, p...); len(in) > 0 && len(in) > int(in[0]); in = in[1+int(in[0]):] {
				c, first := waiting[0], in[1:1+int(in[0])]
				waiting = waiting[1:]
				if err := stream.Prepend(c, first); err != nil {
					t.Error(err)
				}
				c.ResumeRead()
			}
		}
	})
	const conns = 10
	for i := range conns {
		q := newPairOn(p, func(c *unix.Conn) {
			c.OnRead = func(c *unix.Conn, first []byte) {
				msg := append([]byte{byte(len(first))}, first...)
				if err := unix.WriteConn(p.a, msg, c); err != nil {
					t.Error(err)
				}
			}
		})
		q.a.WriteString("first")
		p.until("it is sent", func() bool { return q.a.Buffered() == 0 })
		if i%2 == 0 { // it has surely been passed by then, or as surely not
			p.until("it is passed", func() bool { return q.b.Closing() })
		}
		q.a.WriteString(", second")
		q.a.CloseWrite()
	}
	p.until("all have ended", func() bool { return ended == conns })
	for _, text := range got {
		if text != "first, second" {
			t.Errorf("%q was read", text)
		}
	}
	if len(got) != conns {
		t.Errorf("%d connections, want %d", len(got), conns)
	}
}

// TestPanicBehindPassedConn ends the connection that OnPassed has made before it panicked: nobody goes on with it.
func TestPanicBehindPassedConn(t *testing.T) {
	var reason error
	paused, pausedByUser := true, false
	p := newPair(t, nil, func(b *unix.Conn) {
		unix.OnPassed(b, func(_ *unix.Conn, files []*unix.Passed) {
			c, err := files[0].Conn()
			if err != nil {
				t.Fatal(err)
			}
			paused = c.Paused()
			c.PauseRead()
			pausedByUser = c.Paused()
			c.OnClose = func(_ *unix.Conn, err error) { reason = err }
			panic("in OnPassed")
		})
		b.OnRead = stream.Discard
	})
	q := newPairOn(p, func(c *unix.Conn) {
		if err := unix.WriteConn(p.a, []byte("x"), c); err != nil {
			t.Error(err)
		}
	})
	gone := false
	q.a.OnRead, q.a.OnClose = stream.Discard, func(*unix.Conn, error) { gone = true }
	p.until("both ends are closed", func() bool { return gone && reason != nil })
	if !errors.Is(reason, stream.ErrAborted) {
		t.Errorf("OnClose(%v) of the connection that was passed, want ErrAborted", reason)
	}
	if paused || !pausedByUser {
		t.Errorf("Paused is %v before PauseRead and %v after, in OnPassed", paused, pausedByUser)
	}
}

// TestPrepend puts bytes before what is there, and refuses it where nothing can come any more.
func TestPrepend(t *testing.T) {
	var got string
	p := newPair(t, nil, func(b *unix.Conn) {
		b.PauseRead()
		b.OnRead = func(_ *unix.Conn, p []byte) { got += string(p) }
		b.OnEOF = func(*unix.Conn) { got += "." }
	})
	p.a.WriteString("c")
	p.no(stream.Prepend(p.b, []byte("b")))
	p.no(stream.Prepend(p.b, []byte("a")))
	p.no(stream.Prepend(p.b, nil))
	p.lp.RunNoWait()
	if got != "" {
		t.Errorf("%q while paused", got)
	}
	p.b.ResumeRead()
	p.until("all is read", func() bool { return got == "abc" })
	p.no(stream.Prepend(p.b, []byte("d"))) // while it reads
	p.a.WriteString("e")
	p.a.CloseWrite()
	p.until("the end is read", func() bool { return got == "abcde." })
	if err := stream.Prepend(p.b, []byte("x")); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	p.b.Close()
	if err := stream.Prepend(p.b, []byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
