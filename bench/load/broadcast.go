package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// broadcasting sends a message on one connection. It sends the next when it has received the first on all.
type broadcasting struct {
	streams
	message []byte
	inbox   []byte
	seq     uint64
	waiting int // for so many to hear it
}

func broadcastMain(args []string) (any, error) {
	var b broadcasting
	fs, conns := b.flags("tcp-broadcast")
	size := fs.Int("size", 64, "`bytes` of a message, at least 8")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	b.message, b.inbox = pattern(*size)[:*size], make([]byte, inboxBytes)
	if err := b.connect(*conns, readable); err != nil {
		return nil, err
	}
	if err := b.greet(); err != nil {
		return nil, err
	}
	if err := b.say(); err != nil {
		return nil, err
	}
	turn := func() error {
		if err := b.each(b.hear); err != nil || b.waiting > 0 {
			return err
		}
		return b.say()
	}
	w, err := b.run(&b.clock, b.target, turn, func() bool { return b.seq > 1 }, &b.count)
	return &w, err
}

// greet waits until the server has accepted all connections, because a message goes only to those that are there.
func (b *broadcasting) greet() error {
	last := int64(len(b.conns) - 1)
	c := &b.conns[last]
	if _, errno := send(c.fd, b.message); errno != 0 {
		return fmt.Errorf("send: %w", errno)
	}
	heard := 0
	b.now = b.read()
	b.heard = b.now
	for heard < len(b.conns)*len(b.message) {
		err := b.each(func(_ int, c *stream) error {
			n, errno := recv(c.fd, b.inbox)
			if n <= 0 && !transient(errno) {
				return fmt.Errorf("recv: %w", errno)
			}
			heard += max(n, 0)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *broadcasting) say() error {
	b.seq++
	binary.LittleEndian.PutUint64(b.message, b.seq)
	b.waiting = len(b.conns)
	if n, errno := send(b.conns[0].fd, b.message); errno != 0 || n != len(b.message) {
		return fmt.Errorf("send: %d bytes, %w", n, errno)
	}
	return nil
}

func (b *broadcasting) hear(_ int, c *stream) error {
	n, errno := recv(c.fd, b.inbox)
	switch {
	case transient(errno):
		return nil
	case errno != 0:
		return fmt.Errorf("recv: %w", errno)
	case n == 0:
		return errors.New("the server hung up")
	case c.at+n > len(b.message) || string(b.inbox[:n]) != string(b.message[c.at:][:n]):
		return fmt.Errorf("message %d: wrong bytes", b.seq)
	}
	if c.at += n; c.at == len(b.message) {
		c.at = 0
		b.waiting--
		b.count++
	}
	return nil
}
