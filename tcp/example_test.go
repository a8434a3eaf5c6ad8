package tcp_test

import (
	"context"
	"fmt"
	"log"

	"example.com/pike/loop"
	"example.com/pike/tcp"
)

// A server on two loops, and four clients of it, which are all on loop 0. A connection stays on the loop that it was
// given to, and so what each loop counts needs no lock.
func ExampleListenGroup() {
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 2})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := tcp.ListenGroup(g, "127.0.0.1:0", &tcp.Options{Spread: tcp.SpreadEvenly})
	if err != nil {
		log.Fatal(err)
	}
	served := make([]int, g.Len())
	ln.OnAccept = func(c *tcp.Conn) { // on the loop of c
		_, i := c.Loop().Group()
		served[i]++
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
	}

	answered := 0
	client := func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = func(*tcp.Conn, []byte) {
			if answered++; answered == 4 {
				g.Shutdown(context.Background(), 0, nil)
			}
		}
		c.WriteString("hello")
	}
	err = g.Run(context.Background(), func(i int, lp *loop.Loop) error {
		if i != 0 {
			return nil
		}
		for range 4 {
			if _, err := tcp.Dial(lp, ln.LocalAddr().String(), nil, client); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("answered:", answered)
	fmt.Println("connections of each loop:", served)
	// Output:
	// answered: 4
	// connections of each loop: [2 2]
}
