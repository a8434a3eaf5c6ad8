package load

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// fill sends without end. When the window is over it ends its side, and the server answers how much it got.
type fill struct {
	streams
	message []byte
}

func fillMain(args []string) (any, error) {
	var f fill
	fs, conns := f.flags("tcp-fill")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	f.message = pattern(inboxBytes)[:inboxBytes]
	if err := f.connect(*conns, writable); err != nil {
		return nil, err
	}
	turn := func() error { return f.each(f.send) }
	w, err := f.run(&f.clock, f.target, turn, func() bool { return true }, &f.count)
	for i := 0; err == nil && i < len(f.conns); i++ {
		err = f.conns[i].counted()
	}
	return &w, err
}

func (f *fill) send(_ int, c *stream) error {
	n, errno := send(c.fd, f.message)
	if transient(errno) {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("send: %w", errno)
	}
	c.total += int64(n)
	f.count += int64(n)
	return nil
}

// counted checks that the server has got every byte.
func (c *stream) counted() error {
	if err := unix.Shutdown(int(c.fd), unix.SHUT_WR); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	var answer [8]byte
	for n, deadline := 0, time.Now().Add(stallLimit); n < len(answer); {
		k, errno := recv(c.fd, answer[n:])
		if errno != 0 && !transient(errno) || errno == 0 && k == 0 || time.Now().After(deadline) {
			return fmt.Errorf("no count came, after %d bytes: %w", n, errno)
		}
		if errno == 0 {
			n += k
		}
	}
	if got := int64(binary.LittleEndian.Uint64(answer[:])); got != c.total {
		return fmt.Errorf("the server had %d bytes of %d", got, c.total)
	}
	return nil
}
