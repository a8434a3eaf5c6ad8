package stream

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"example.com/pike/poller"
)

// passing is what a connection has for passing files. Few connections have one.
type passing struct {
	taken func(*Conn, []*Passed) // nil: none are taken
	out   [][]uintptr            // files that are queued, in the order of the buffers that they go with
}

// carries is the class of the chunk of a buffer whose first byte takes files along. The buffer is
// the only one in it.
const carries = unpooled - 1

// WriteFiles is [Conn.Write] of p, whose first byte takes files along to the process at the other
// end of a unix-domain socket. There they come in the order of the writes. Files may be [os.File],
// connections and listeners of package net, and those of pike: all that has a descriptor. They are
// duplicated before WriteFiles returns, so that the caller may close them at once; they are never
// closed here. What the system does not take at once is queued with the bytes, and is closed if the
// connection ends before.
//
// Errors are those of Write. It is os.ErrInvalid for no byte, for no file, and for more than
// [poller.PassMost]; syscall.ENOTCONN before a dialed connection is made; syscall.EMFILE if there is
// no room for the duplicates; errors.ErrUnsupported over TCP and through a layer. Nothing is written
// then. If the system has too many files on their way that nobody has received (ETOOMANYREFS,
// unix(7)), that is the end of the connection, and the reason of OnClose.
func WriteFiles(c *Conn, p []byte, files ...syscall.Conn) error {
	if err := c.lp().Check("stream.WriteFiles"); err != nil {
		return err
	}
	k, err := c.mayPass(len(p), len(files))
	if err != nil {
		return c.fail("write", err)
	}
	kept := make([]uintptr, 0, len(files))
	for _, f := range files {
		if err = keepFile(k, f, &kept); err != nil {
			break
		}
	}
	if err == nil {
		if err = c.refuse(len(p)); err == nil {
			c.queueFiles(p, kept)
			return nil
		}
	} else {
		err = c.fail("write", err)
	}
	dropFiles(k, kept)
	return err
}

// WriteConn is WriteFiles of a connection that this process is done with: passed goes on in the
// other process, by [Passed.Conn]. Here it closes without a word to its peer, and OnClose follows. What
// had been written to it, and an end after that, is sent first.
//
// What has arrived on passed and was not read goes along, because it is still with the system. What
// OnRead was given does not: the program puts it into p, if the other process is to have it, which
// gives it to [Prepend].
//
// Errors of c are those of WriteFiles. WriteConn is syscall.EBUSY if passed has something queued that the
// system does not take at once, or something unread; errors.ErrUnsupported through a layer, and in the
// simulator; net.ErrClosed if passed is closed or being dialed; os.ErrInvalid for connections that are the
// same or of two loops. After an error both connections are as they were.
func WriteConn(c *Conn, p []byte, passed *Conn) error {
	if err := c.lp().Check("stream.WriteConn"); err != nil {
		return err
	}
	k, err := c.mayPass(len(p), 1)
	if err == nil && (passed == nil || passed == c || passed.Loop() != c.Loop()) {
		err = errInvalid
	}
	if err != nil {
		return c.fail("write", err)
	}
	r, kept, err := passed.keepSelf(k)
	if err != nil {
		return passed.fail("pass", err)
	}
	if err = c.refuse(len(p)); err != nil {
		k.DropFile(kept)
		return err
	}
	fd, err := r.Release()
	if err != nil { // refuse has closed it, as the one that has most queued of all
		k.DropFile(kept)
		return passed.fail("pass", err)
	}
	os.NewFile(fd, "stream").Close() // kept is another
	passed.become(finished)
	passed.lp().BeginClose(passed)
	c.queueFiles(p, []uintptr{kept})
	return nil
}

// keepSelf has a descriptor of c kept, and returns what can release c.
func (c *Conn) keepSelf(k poller.FileKeeper) (r releaser, kept uintptr, err error) {
	if c.Closing() || c.life == connecting {
		return nil, 0, net.ErrClosed
	}
	r, blocker, ok := releasable(c.s)
	if !ok || blocker != nil {
		return nil, 0, errors.ErrUnsupported
	}
	if c.life == shaking || len(c.unread()) > 0 || !c.sendNow() {
		return nil, 0, syscall.EBUSY
	}
	fd, err := r.Duplicate()
	if err != nil {
		return nil, 0, err
	}
	defer os.NewFile(fd, "stream").Close()
	kept, err = k.KeepFile(fd)
	return r, kept, err
}

// passer is the stream of c, if it can pass files.
func (c *Conn) passer() (poller.FilePasser, error) {
	if c.life == connecting {
		return nil, syscall.ENOTCONN
	}
	if s, ok := poller.As[poller.FilePasser](c.s); ok && c.life != shaking && s.PassesFiles() { // while it shakes a layer is still to come
		return s, nil
	}
	return nil, fmt.Errorf("files go over unix-domain sockets, and not through layers: %w", errors.ErrUnsupported)
}

// mayPass reports why c cannot pass files with bytes, if it cannot.
func (c *Conn) mayPass(bytes, files int) (poller.FileKeeper, error) {
	if err := c.writable(); err != nil {
		return nil, err
	}
	if _, err := c.passer(); err != nil {
		return nil, err
	}
	if bytes == 0 || files == 0 || files > poller.PassMost {
		return nil, errInvalid
	}
	return c.keeper(), nil
}

// keepFile has a descriptor of f kept.
func keepFile(k poller.FileKeeper, f syscall.Conn, kept *[]uintptr) error {
	if isNil(f) {
		return errInvalid
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	if err = raw.Control(func(fd uintptr) {
		var n uintptr
		if n, refused = k.KeepFile(fd); refused == nil {
			*kept = append(*kept, n)
		}
	}); err != nil {
		return err
	}
	return refused
}

func dropFiles(k poller.FileKeeper, files []uintptr) {
	for _, fd := range files {
		k.DropFile(fd)
	}
}

func (c *Conn) makePassing() *passing {
	m := c.makeRare()
	if m.passing == nil {
		m.passing = new(passing)
	}
	return m.passing
}

// queueFiles queues a copy of p with files. The first piece has a buffer of its own, so that what is
// written before and after is not in it.
func (c *Conn) queueFiles(p []byte, files []uintptr) {
	c.tally().Stream.MessagesOut++
	m := c.makePassing()
	c.admit(len(p))
	c.hold()
	o := c.output()
	o.line()
	first := append([]byte(nil), p[:min(len(p), pieceSize)]...)
	o.queued += len(first)
	o.add(first[:len(first):len(first)], end{in: &chunk{class: carries, users: 1}})
	m.out = append(m.out, files)
	if len(first) < len(p) {
		o.copy(p[len(first):], c.conf.shared)
	}
	c.count(len(p))
	c.schedule()
}

// passes reports whether files are queued.
func (c *Conn) passes() bool {
	return c.rare != nil && c.rare.passing != nil && len(c.rare.passing.out) > 0
}

// carries reports whether files go with buffer i.
func (o *output) carries(i int) bool { return o.ends[i].in != nil && o.ends[i].in.class == carries }

// give sends bufs, the first that are queued, with the files of the first of them.
func (c *Conn) give(bufs [][]byte) (done bool) {
	if !c.passes() || !c.out.carries(c.out.head) {
		return c.s.Send(bufs)
	}
	return c.s.(poller.FilePasser).SendFiles(bufs, c.rare.passing.out[0])
}

// carried is when the first files that are queued were sent, or never will be.
func (c *Conn) carried() {
	m := c.rare.passing
	dropFiles(c.keeper(), m.out[0])
	m.out[0] = nil
	if m.out = m.out[1:]; len(m.out) == 0 {
		m.out = nil
	}
}
