package pollertest

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"

	"example.com/pike/poller"
)

var fileClauses = []clause{
	{name: "FileSender_sends_what_is_in_the_file", test: fileSent, both: true},
	{name: "FileSender_and_Send_keep_their_order", test: fileOrder},
	{name: "FileSender_to_a_full_system_is_followed_by_Sent", test: fileFull},
	{name: "FileSender_is_ended_by_Close", test: fileClosed},
	{name: "FileSender_tells_a_reset_by_Sent", test: fileReset},
	{name: "FileSender_returns_what_is_wrong_with_the_file", test: fileWrong},
	{name: "FileReader_reads_what_is_cached", test: fileRead},
}

// file is a file of the next n bytes of c's pattern, behind skip others. Where streams send no files the
// test is skipped before there is one, because Wine does not remove the folder.
func (c *conn) file(skip, n int) *os.File {
	c.Helper()
	c.fileSender()
	f, err := os.Create(filepath.Join(c.TempDir(), "file"))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { f.Close() })
	if _, err := f.WriteAt(c.ours.bytes(n, c.out), int64(skip)); err != nil {
		c.Fatal(err)
	}
	return f
}

// fileSender is the stream as a FileSender. The test is skipped if it is none.
func (c *conn) fileSender() poller.FileSender {
	c.Helper()
	s, ok := poller.As[poller.FileSender](c.s)
	if !ok {
		c.Skip("streams are no poller.FileSenders")
	}
	return s
}

// sendFile sends up to n bytes of f, which are the next of the pattern.
func (c *conn) sendFile(f *os.File, off int64, n int) (sent int, err error) {
	c.Helper()
	if c.sending {
		c.Fatalf("%s: the test sends while a Send is out", c.name)
	}
	s := c.fileSender()
	c.call("SendFile", func() { sent, err = s.SendFile(f.Fd(), off, n) })
	if sent < 0 || sent > n || err != nil && sent == n {
		c.Fatalf("%s: SendFile of %d bytes: %d, %v", c.name, n, sent, err)
	}
	c.out += int64(sent)
	c.sending = err == nil && sent < n
	return sent, err
}

// skipUnsent skips where the system sends no such file. Any other error is a failure.
func (c *conn) skipUnsent(sent int, err error) {
	c.Helper()
	if sent == 0 && (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, poller.ErrNotCached)) {
		c.Skip("the system does not send a file that was just written: ", err)
	}
	if err != nil && !errors.Is(err, poller.ErrNotCached) {
		c.Fatal(err)
	}
}

// sendAll sends n bytes of f, and waits for room as often as that takes.
func (c *conn) sendAll(f *os.File, off int64, n int) {
	c.Helper()
	for n > 0 {
		sent, err := c.sendFile(f, off, n)
		c.skipUnsent(sent, err)
		off, n = off+int64(sent), n-sent
		c.until("there is room", c.idleSend)
	}
}

func fileSent(r *rig) {
	a, b := r.pair(tight)
	b.start()
	for _, n := range []int{1, 4095, 4096, 100_000, 1 << 20} {
		for _, skip := range []int{0, 1, 5000} {
			f := a.file(skip, n)
			a.sendAll(f, int64(skip), n)
			if at, err := f.Seek(0, io.SeekCurrent); at != 0 || err != nil {
				r.Errorf("the place in the file is %d, %v", at, err)
			}
		}
	}
	r.until("all is received", func() bool { return b.in == a.out })
	if sent, err := a.sendFile(a.file(0, 1), 0, 0); sent != 0 || err != nil {
		r.Errorf("SendFile of nothing: %d, %v", sent, err)
	}
}

func fileOrder(r *rig) {
	a, b := r.pair(tight)
	b.start()
	for i := range 60 {
		a.until("there is room", a.idleSend)
		a.send(1+i*7%5000, i%3)
		a.until("it is sent", a.idleSend)
		a.trySend(i * 3 % 700)
		if a.rest > 0 {
			a.send()
			a.until("it is sent", a.idleSend)
		}
		n := 1 + i*1111%50_000
		a.sendAll(a.file(i, n), int64(i), n)
	}
	r.until("all is received", func() bool { return b.in == a.out })
}

// fillByFile sends a file to a peer that is stopped until there is no room.
func (c *conn) fillByFile() {
	c.Helper()
	const n = 1 << 20
	for range 64 {
		off := 0
		for f := c.file(0, n); off < n; {
			sent, err := c.sendFile(f, int64(off), n-off)
			c.skipUnsent(sent, err)
			off += sent
			if c.sending {
				c.settle()
			}
			if c.sending {
				return
			}
		}
	}
	c.Fatalf("%s: the system took %d bytes that nobody reads", c.name, c.out)
}

func fileFull(r *rig) {
	a, b := r.pair(tight)
	for range 10 { // the peer's system may find more room by and by
		a.fillByFile()
		if n := a.unsent(); n != 0 {
			r.Errorf("Unsent is %d while a SendFile waits for room", n)
		}
		if r.quiet(); a.sending {
			break
		}
	}
	before := a.answers
	b.start()
	r.until("there is room", a.idleSend)
	if a.answers != before+1 || a.sendErr != nil {
		r.Errorf("%d Sents, %v", a.answers-before, a.sendErr)
	}
	a.sendAll(a.file(0, 10_000), 0, 10_000)
	r.until("all is received", func() bool { return b.in == a.out })
}

func fileClosed(r *rig) {
	a, _ := r.pair(tight)
	a.fillByFile()
	s, f := a.fileSender(), a.file(0, 10)
	a.close()
	r.until("it is closed", a.over)
	if !errors.Is(a.sendErr, net.ErrClosed) {
		r.Errorf("Sent(%v)", a.sendErr)
	}
	a.call("SendFile", func() {
		if n, err := s.SendFile(f.Fd(), 0, 10); n != 0 || !errors.Is(err, net.ErrClosed) {
			r.Errorf("SendFile after Close: %d, %v", n, err)
		}
	})
}

func fileReset(r *rig) {
	a, b := r.pair(tight)
	a.fillByFile()
	b.reset()
	r.until("the peer is closed", b.over)
	for n := 0; a.sendErr == nil; n++ {
		r.until("it is answered", a.idleSend)
		if a.sendErr != nil {
			break
		}
		if n == 100 {
			r.Fatal("no SendFile failed")
		}
		if _, err := a.sendFile(a.file(0, 1000), 0, 1000); err != nil {
			r.Fatalf("SendFile: %v, which is of the connection and not of the file", err)
		}
		r.settle()
	}
	a.start()
	r.until("receiving ends", a.ended)
}

// fileWrong has nothing told, and the stream goes on. The recorder holds that there is no Sent.
func fileWrong(r *rig) {
	a, b := r.pair(nil)
	b.start()
	f := a.file(0, 1000)
	a.sendAll(f, 0, 500)
	if sent, err := a.sendFile(f, 500, 501); err != nil {
		if sent != 500 || err != io.ErrUnexpectedEOF {
			r.Errorf("SendFile of more than the file has: %d, %v", sent, err)
		}
	} else {
		r.until("there is room", a.idleSend)
		if sent, err := a.sendFile(f, 1000, 1); sent != 0 || err != io.ErrUnexpectedEOF {
			r.Errorf("SendFile at the end of the file: %d, %v", sent, err)
		}
	}
	closed := a.file(0, 10)
	closed.Close()
	if sent, err := a.sendFile(closed, 0, 10); sent != 0 || err == nil {
		r.Errorf("SendFile of a file that is closed: %d, %v", sent, err)
	}
	dir, err := os.Open(r.TempDir())
	if err != nil {
		r.Fatal(err)
	}
	defer dir.Close()
	if sent, err := a.sendFile(dir, 0, 10); sent != 0 || err == nil {
		r.Errorf("SendFile of a directory: %d, %v", sent, err)
	}
	a.send(1000)
	r.until("all is received", func() bool { return !a.sending && b.in == a.out })
}

func fileRead(r *rig) {
	p, ok := r.p.(poller.FileReader)
	if !ok {
		r.Skip("this poller is no poller.FileReader")
	}
	a, _ := r.pair(nil)
	const n = 100_000
	f := a.file(10, n)
	got := make([]byte, n)
	for off := 0; off < n; {
		k, err := p.ReadFile(f.Fd(), got[off:], int64(10+off))
		if errors.Is(err, poller.ErrNotCached) && k == 0 {
			r.Skip("the file system has no such reads")
		}
		if err != nil || k <= 0 || k > n-off {
			r.Fatalf("ReadFile of %d bytes: %d, %v", n-off, k, err)
		}
		off += k
	}
	if at := a.ours.differs(got, a.out); at >= 0 {
		r.Errorf("byte %d is wrong", at)
	}
	if k, err := p.ReadFile(f.Fd(), got, 10+n); k != 0 || err != io.EOF {
		r.Errorf("ReadFile at the end of the file: %d, %v", k, err)
	}
	if k, err := p.ReadFile(f.Fd(), nil, 0); k != 0 || err != nil {
		r.Errorf("ReadFile of nothing: %d, %v", k, err)
	}
	f.Close()
	if k, err := p.ReadFile(f.Fd(), got, 0); k != 0 || err == nil || errors.Is(err, poller.ErrNotCached) {
		r.Errorf("ReadFile of a file that is closed: %d, %v", k, err)
	}
}
