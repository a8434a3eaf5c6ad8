//go:build !windows

package stream_test

import (
	"fmt"

	"example.com/pike/loop"
	"example.com/pike/tcp"
)

// A connection is accepted on one loop, and served by another on a goroutine of its own.
func ExampleConn_MoveTo() {
	first, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer first.Close()
	second, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer second.Close()
	ln, err := tcp.Listen(first, "127.0.0.1:0", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ln.OnAccept = func(c *tcp.Conn) {
		ln.Close()
		c.OnRead = func(c *tcp.Conn, p []byte) {
			fmt.Printf("%q, on the second loop: %v\n", p, c.Loop() == second)
		}
		c.MoveTo(second, func(c *tcp.Conn, err error) { // called on the second loop
			if err != nil {
				fmt.Println(err) // and it is where it was
				return
			}
			c.WriteString("welcome")
		})
	}
	_, err = tcp.Dial(first, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		c.OnRead = func(c *tcp.Conn, _ []byte) { // it has moved
			c.WriteString("hello")
			c.Close()
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	keep, err := second.NewAsync(func() {}) // or the loop would end before the connection comes
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan error)
	go func() { done <- second.Run() }()
	if err := first.Run(); err != nil {
		fmt.Println(err)
	}
	second.Post(func() { keep.Close() })
	if err := <-done; err != nil {
		fmt.Println(err)
	}
	// Output: "hello", on the second loop: true
}
