package main

import (
	"bytes"
	"errors"
	"syscall"

	"example.com/pike/loop"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// keepMemory has connections obey one line at a time when many come at once. They keep the rest for later, without
// copying it.
func keepMemory(lp *loop.Loop) {
	onAccept(lp, func(c *tcp.Conn) {
		read := c.OnRead
		c.OnRead = func(c *tcp.Conn, p []byte) {
			first := bytes.IndexByte(p, '\n') + 1
			if len(p) < 256 || first == 0 || first == len(p) {
				read(c, p)
				return
			}
			read(c, p[:first])
			rest := p[first:]
			c.PauseRead()
			timer.After(lp, 0, func() {
				if c.Readable() {
					read(c, rest)
					c.ResumeRead()
				}
			})
		}
	})
}

// closeTwice has OnClose called from where a failed send is noticed, and from where every end is.
func closeTwice(lp *loop.Loop) {
	onAccept(lp, func(c *tcp.Conn) {
		closed := c.OnClose
		c.OnClose = func(c *tcp.Conn, err error) {
			closed(c, err)
			if errors.Is(err, syscall.EPIPE) {
				closed(c, err)
			}
		}
	})
}
