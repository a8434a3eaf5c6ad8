package pollertest

import (
	"os"
	"path/filepath"
	"slices"

	"example.com/pike/poller"
)

// A simulated poller has files of its own.
type simulated interface {
	OpenFile() (fd uintptr)
	CloseFile(fd uintptr)
	FileID(fd uintptr) int
}

// A passer owns a stream of a unix-domain socket and checks what is called on it. Bytes are their
// place in the stream.
type passer struct {
	life
	k       poller.FileKeeper
	s       poller.FilePasser
	told    bool
	in, out int
	end     error
	files   []int // that were received
	came    []span
	sending bool
	sendErr error
	onBytes func()
}

// A span is where in the stream the bytes are that a file came with.
type span struct{ from, to int }

func (c *passer) close() { c.endBy("Close", c.s.Close) }

func (c *passer) start() {
	c.started = true
	c.call("Start", c.s.Start)
}

func (c *passer) Connected(err error) {
	c.upcall("Connected")
	if c.told = true; err != nil {
		c.broken(11, "Connected(%v)", err)
	}
}

func (c *passer) Received(p []byte, err error) {
	c.receiving("Received", len(p))
	if c.end != nil || (len(p) > 0) == (err != nil) {
		c.broken(3, "Received(%d bytes, %v) after %v", len(p), err, c.end)
	}
	c.take(p)
	if c.end = err; err != nil {
		c.started = false
	}
}

func (c *passer) take(p []byte) {
	for i, b := range p {
		if b != byte(c.in+i) {
			c.Fatalf("%s: byte %d is wrong", c.name, c.in+i)
		}
	}
	if c.in += len(p); c.onBytes != nil {
		c.onBytes()
	}
}

func (c *passer) ReceivedFiles(p []byte, files []uintptr) {
	c.receiving("ReceivedFiles", len(p))
	if len(p) == 0 || len(files) == 0 {
		c.broken(3, "ReceivedFiles(%d bytes, %d files)", len(p), len(files))
	}
	for _, fd := range files {
		c.files = append(c.files, c.identity(fd))
		c.came = append(c.came, span{c.in, c.in + len(p)})
		if !c.closesOnExec(fd) {
			c.Errorf("a file was received that children inherit")
		}
		c.k.DropFile(fd)
	}
	c.take(p)
}

func (c *passer) Sent(err error) {
	c.upcall("Sent")
	if !c.sending {
		c.broken(2, "Sent(%v) without a Send", err)
	}
	c.sending, c.sendErr = false, err
}

func (c *passer) Closed() { c.ending() }

// next is the next n bytes to send.
func (c *passer) next(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(c.out + i)
	}
	c.out += n
	return p
}

func (c *passer) send(n int) (done bool) {
	bufs := [][]byte{c.next(n)}
	c.call("Send", func() { done = c.s.Send(bufs) })
	c.sending = !done
	return done
}

// pass sends files with n bytes, in two buffers.
func (c *passer) pass(n int, files ...uintptr) (done bool) {
	bufs := [][]byte{nil, c.next(n), c.next(n / 2)}
	c.call("SendFiles", func() { done = c.s.SendFiles(bufs, files) })
	c.sending = !done
	return done
}

// sent waits until a Send is done, and drops the files that it had.
func (c *passer) sent(files ...uintptr) {
	c.Helper()
	c.until("the Send is done", func() bool { return !c.sending })
	if c.sendErr != nil {
		c.Errorf("Sent(%v)", c.sendErr)
	}
	c.dropAll(files)
}

func (c *passer) dropAll(files []uintptr) {
	for _, fd := range files {
		c.k.DropFile(fd)
	}
}

// keeper is the poller's capability, or skips the test.
func (r *rig) keeper() poller.FileKeeper {
	r.Helper()
	k, ok := r.p.(poller.FileKeeper)
	if !ok {
		r.Skip("this poller passes no files: it is no poller.FileKeeper")
	}
	return k
}

// keep is n files that can be sent, and what they are.
func (r *rig) keep(n int) (files []uintptr, ids []int) {
	r.Helper()
	for range n {
		fd, drop := r.open()
		ids = append(ids, r.identity(fd))
		kept, err := r.keeper().KeepFile(fd)
		r.noError("KeepFile", err)
		drop()
		files = append(files, kept)
	}
	return files, ids
}

// open opens a file.
func (r *rig) open() (fd uintptr, drop func()) {
	r.Helper()
	if s, ok := r.p.(simulated); ok {
		fd = s.OpenFile()
		return fd, func() { s.CloseFile(fd) }
	}
	f, err := os.CreateTemp("", "pike")
	r.noError("CreateTemp", err)
	return f.Fd(), func() {
		f.Close()
		os.Remove(f.Name())
	}
}

// identity tells files apart. It is 0 of what is no open file.
func (r *rig) identity(fd uintptr) int {
	if s, ok := r.p.(simulated); ok {
		return s.FileID(fd)
	}
	return fileID(fd)
}

func (r *rig) closesOnExec(fd uintptr) bool {
	_, ok := r.p.(simulated)
	return ok || closesOnExec(fd)
}

// passers are the ends of a connection over a unix-domain socket. The one that was accepted takes
// files.
func (r *rig) passers() (a, b *passer) {
	r.Helper()
	a, b = r.passersDialing()
	r.until("they are connected", func() bool { return a.told && b.told })
	r.call("TakeFiles", func() { b.s.TakeFiles(true) })
	return a, b
}

func (r *rig) passersDialing() (a, b *passer) {
	r.Helper()
	k := r.keeper()
	dir, err := os.MkdirTemp("", "pike")
	r.noError("MkdirTemp", err)
	r.Cleanup(func() { os.RemoveAll(dir) })
	at := poller.Addr{Path: filepath.Join(dir, "s")}
	a, b = &passer{life: life{rig: r, name: "dialed"}, k: k}, &passer{life: life{rig: r, name: "accepted"}, k: k}
	v := &server{life: life{rig: r, name: "listener"}}
	ln, err := r.p.Listen(at, nil, &once{v, b})
	r.noError("Listen", err)
	v.s = ln
	r.sockets = append(r.sockets, v)
	ln.Start()
	s, err := r.p.Dial(at, nil, a)
	r.noError("Dial", err)
	a.s = s.(poller.FilePasser)
	r.sockets = append(r.sockets, a, b)
	if !a.s.PassesFiles() {
		r.Fatal("a unix-domain socket passes no files")
	}
	return a, b
}

// once accepts one connection.
type once struct {
	*server
	b *passer
}

func (o *once) Accepted(s poller.Stream) poller.StreamHandler {
	o.b.s = s.(poller.FilePasser)
	return o.b
}

// expect holds that b has had all that was sent, and files with their bytes: ids[i] with byte at[i].
func (c *passer) expect(from *passer, ids, at []int) {
	c.Helper()
	c.until("all is received", func() bool { return c.in == from.out })
	if !slices.Equal(c.files, ids) {
		c.Fatalf("files %v were received, want %v", c.files, ids)
	}
	for i, s := range c.came {
		if at[i] < s.from || s.to <= at[i] {
			c.Errorf("file %d was sent with byte %d, and came with bytes %d to %d", i, at[i], s.from, s.to)
		}
	}
}

// hasFile holds what a descriptor is of.
// isClosed wants the file closed. Its number may be another file's by now, because tests run side by side.
func (r *rig) isClosed(what string, fd uintptr, id int) {
	r.Helper()
	if r.identity(fd) == id {
		r.Errorf("%s is still open", what)
	}
}

func (r *rig) hasFile(what string, got, want int) {
	r.Helper()
	if got != want {
		r.Errorf("%s is file %d, want %d", what, got, want)
	}
}
