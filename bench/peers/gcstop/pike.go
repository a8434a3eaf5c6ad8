package main

import (
	"example.com/pike/bench/peers/work"
	"example.com/pike/loop"
	"example.com/pike/tcp"
)

func echoPike(size int) error {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		return err
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	}
	message := work.Pattern(size)
	for range conns {
		_, err := tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
			if err != nil {
				work.Fail(err)
			}
			got := 0
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if got += len(p); got == size {
					got = 0
					echoed.Add(1)
					c.Write(message)
				}
			}
			c.Write(message)
		})
		if err != nil {
			return err
		}
	}
	return lp.Run()
}
