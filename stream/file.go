package stream

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// What is taken of a file at a time.
const (
	// fileMost is how much the system is given of a file before other connections have their turn.
	fileMost = 512 << 10

	// filePiece is how much of a file is in memory at a time, where it has to be read.
	filePiece = mostChunk

	// fileCopied is the most that is copied as if it were written. A small file goes out in one
	// system call with what is before and behind it, and reading it costs less than asking whether
	// sendfile would wait.
	fileCopied = 16 << 10

	// pieceLeast is how small a piece can be that Watermarks or a QueueLimit make small.
	pieceLeast = 4 << 10
)

// SendFile queues n bytes of f, from off on, behind what was written before; what is written later
// comes behind them. A negative n is to the end of the file. The place at which f.Read goes on stays as
// it was.
//
// The loop never waits for the disk. On Linux, FreeBSD and macOS, what is in the system's cache of files is
// sent from there by sendfile(2). What is not, or what the system does not tell of, is read on the
// loop's Executor ([loop.Work]), 64 KiB at a time. So is all of it on other systems, on a connection
// with a layer, on one that was adopted or whose descriptor was handed out, and on a unix-domain socket;
// on Linux what is cached needs no Executor there either. The next piece is read when the
// system has taken the last one, so that a connection has at most one in memory, and a peer that takes
// nothing has nothing read.
//
// What is in a file takes no memory. It counts for no [Watermarks] and no [QueueLimit], and
// [Conn.Buffered] has only the piece that was read. Up to 16 KiB that are cached are copied at once,
// where the QueueLimit allows it, and count as any Write. OnWrite comes when the file is sent, too.
// Close waits for it, at most as DrainTimeout says; what is lost counts in a [LossError].
//
// done, which may be nil, is called once, from the loop, in the order of the writes: with nil when the
// system has taken all, or with the reason why it has not. f may be closed then, and must stay
// open until then. Nobody may make the file shorter, and what is written to it meanwhile may be sent or not.
//
// If the file cannot be read, or ends too early (io.ErrUnexpectedEOF), the peer has been promised bytes
// that there are not. The connection is reset, as by Abort, so that the peer does not take the
// rest for what was promised. That is the reason of OnClose and of done. net/http does the same.
//
// The error is os.ErrInvalid for what is no regular file and for a negative off, io.ErrUnexpectedEOF if
// the file is shorter than off+n already, or that of f.Stat. Others are those of Write. Nothing
// is sent then, done is not called, and the connection goes on.
func (c *Conn) SendFile(f *os.File, off, n int64, done func(error)) error {
	const op = "send file"
	if err := c.lp().Check("stream.Conn.SendFile"); err != nil {
		return err
	}
	if err := c.writable(); err != nil {
		return c.fail(op, err)
	}
	n, err := extent(f, off, n)
	if err != nil {
		return c.fail(op, err)
	}
	if n == 0 && done == nil {
		return nil
	}
	c.tally().Stream.MessagesOut++
	c.hold()
	o := c.output()
	if n == 0 || c.readAtOnce(o, f, off, int(min(n, fileCopied+1))) {
		o.keep(nil, done, c.conf.shared)
	} else {
		k := &segment{c: c, f: f, off: off, left: n}
		k.at = chunk{class: unpooled, users: 1, file: k}
		o.line()
		o.add(nil, end{done: done, in: &k.at})
		o.files++
	}
	c.schedule()
	return nil
}

// extent is how many bytes are to be sent.
func extent(f *os.File, off, n int64) (int64, error) {
	if f == nil || off < 0 {
		return 0, errInvalid
	}
	st, err := f.Stat() // which asks for no disk: the system has what it tells of an open file
	switch {
	case err != nil:
		return 0, err
	case !st.Mode().IsRegular():
		return 0, errInvalid
	}
	rest := st.Size() - off
	if n < 0 {
		n = max(rest, 0)
	}
	if n > rest && n > 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return n, nil
}

// readAtOnce queues n bytes of f as if they had been written, if they are few, cached and within the limits,
// and reports whether it has.
func (c *Conn) readAtOnce(o *output, f *os.File, off int64, n int) bool {
	defer runtime.KeepAlive(f) // f.Fd() does not
	s := c.conf
	r, ok := c.lp().Poller().(poller.FileReader)
	if !ok || n > fileCopied || s.limit != nil && c.Buffered()+n > s.limit.Bytes ||
		s.loopLimit != nil && s.queued+n > s.loopLimit.Bytes {
		return false
	}
	k := s.chunks.take(n)
	p := k.buf[:n]
	if read, err := r.ReadFile(f.Fd(), p, off); err != nil || read < n {
		s.chunks.put(k)
		return false
	}
	if o.files == 0 && len(o.bufs) == 0 && n <= len(o.small)-int(o.only) {
		o.copy(p, s.shared)
		s.chunks.put(k)
	} else {
		o.line()
		k.users, k.used = 1, n
		o.open = k
		o.queued += n
		o.add(p, end{in: k})
	}
	c.count(n)
	return true
}

// A segment is the part of a file that is still to be sent. In the queue of an output it stands as an
// empty buffer whose chunk is at.
//
// While its buffer is the first of the queue, it is in one of these states:
//
//	reading            a job reads the piece
//	ready > 0          the piece is read, and is to be sent
//	the flight is 1    the system has no room for the piece, or for more of the file
//	none of them       something is to be sent, or read
type segment struct {
	c       *Conn
	f       *os.File
	off     int64 // where the rest begins
	left    int64 // how long that is
	at      chunk
	piece   *chunk    // memory for a piece, or nil
	one     [1][]byte // what the poller has of that
	ready   int       // bytes of piece that are to be sent
	err     error     // why reading has failed
	reading bool      // on the executor, which has piece
	copied  bool      // sendfile is not for this file, or not on this connection
	gone    bool      // it is in the queue no more
}

// file is what the queue begins with, if that is a part of a file.
func (o *output) file() *segment {
	if o.files == 0 || o.head == len(o.ends) || o.ends[o.head].in == nil {
		return nil
	}
	return o.ends[o.head].in.file
}

// beforeFile is those of bufs, the first of the queue, that are before a part of a file.
func (o *output) beforeFile(bufs [][]byte) [][]byte {
	for i := range bufs {
		if in := o.ends[o.head+i].in; in != nil && in.file != nil {
			return bufs[:i]
		}
	}
	return bufs
}

// filed is how many bytes that were queued are still in files.
func (c *Conn) filed() (n int) {
	o := c.out
	if o == nil || o.files == 0 {
		return 0
	}
	for _, e := range o.ends[o.head:] {
		if e.in != nil && e.in.file != nil {
			n += int(e.in.file.left)
		}
	}
	return n
}

// sendFile sends of k, with which the queue begins, what can be sent now.
func (c *Conn) sendFile(o *output, k *segment) sent {
	for budget := fileMost; k.left > 0 || k.ready > 0; {
		switch {
		case k.err != nil:
			return c.failFile(k.err)
		case k.reading:
			return sentOff
		case budget <= 0:
			return sentSome
		case k.ready > 0:
			n := k.ready
			if !k.send(o) {
				return sentOff
			}
			budget -= n
			continue
		}
		n, err := c.bySystem(o, k, min(k.left, int64(budget)))
		budget -= n
		if o.flight > 0 {
			return sentOff
		}
		if err == nil {
			continue
		}
		if errors.Is(err, poller.ErrNotCached) {
			err = k.read()
		}
		if err != nil {
			return c.failFile(err)
		}
	}
	return sentAll
}

// failFile ends c, because a file that it was to send cannot be read.
func (c *Conn) failFile(err error) sent {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	c.abandon(c.fail("send file", err))
	return sentOff
}

// bySystem has the system send up to most bytes, if it does so by itself. ErrNotCached is that they
// are to be read.
func (c *Conn) bySystem(o *output, k *segment, most int64) (n int, err error) {
	s, ok := poller.As[poller.FileSender](c.s)
	if !ok || k.copied {
		return 0, poller.ErrNotCached
	}
	n, err = s.SendFile(k.f.Fd(), k.off, int(most))
	k.off, k.left = k.off+int64(n), k.left-int64(n)
	c.tookOver(n)
	c.took(n)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		k.copied, err = true, poller.ErrNotCached
	case err == nil && int64(n) < most:
		o.flight = 1
	}
	return n, err
}

// read reads a piece: at once, if it is cached and the system can tell, or else on the executor.
func (k *segment) read() error {
	if k.piece == nil {
		k.piece = k.c.conf.chunks.take(filePiece)
	}
	p, off := k.piece.buf[:k.pieceSize()], k.off
	if r, ok := k.c.lp().Poller().(poller.FileReader); ok {
		n, err := r.ReadFile(k.f.Fd(), p, off)
		if !errors.Is(err, poller.ErrNotCached) {
			k.ready = n
			return err
		}
	}
	k.reading = true
	_, err := loop.Work(context.Background(), k.c.Loop(),
		func(context.Context) (int, error) { return k.f.ReadAt(p, off) }, k.readDone)
	k.reading = err == nil
	return err
}

// pieceSize is how much is to be read. A piece is to reach no high mark, and no limit, by itself.
func (k *segment) pieceSize() int {
	n, p := filePiece, &k.c.conf.policy
	if p.watermarks != nil {
		n = min(n, max(p.watermarks.High/2, pieceLeast))
	}
	if p.limit != nil {
		n = min(n, max(p.limit.Bytes/2, pieceLeast))
	}
	return int(min(int64(n), k.left))
}

// readDone is the end of a job. The connection may have gone meanwhile.
func (k *segment) readDone(n int, err error) {
	k.reading = false
	switch {
	case k.gone:
		k.free()
		return
	case n > 0: // a file that ends here shows it the next time
		k.ready = n
	default:
		k.err = err
	}
	k.c.schedule()
}

// send gives the poller the piece that was read, and reports whether it is done with it.
func (k *segment) send(o *output) bool {
	n := k.ready
	k.off, k.left, k.ready = k.off+int64(n), k.left-int64(n), 0
	k.one[0] = k.piece.buf[:n]
	k.c.count(n)
	if !k.c.s.Send(k.one[:]) {
		o.flight = 1
		return false
	}
	k.c.progressed()
	k.landed(o)
	return true
}

// landed is when the poller is done with what it was given last, but perhaps not with the rest.
func (k *segment) landed(o *output) {
	o.flight = 0
	k.c.tookOver(len(k.one[0]))
	k.c.uncount(o, len(k.one[0]))
	k.one[0] = nil
}

// leave is when it is in the queue no more. Memory that a job has comes back when that ends.
func (k *segment) leave(o *output) {
	k.c.uncount(o, len(k.one[0]))
	k.one[0], k.gone = nil, true
	if !k.reading {
		k.free()
	}
}

// free gives the memory back.
func (k *segment) free() {
	if k.piece == nil {
		return
	}
	s := k.c.conf.shared
	s.chunks.put(k.piece)
	k.piece = nil
	if s.chunks.bytes > chunksRest {
		s.keepLess()
	}
}
