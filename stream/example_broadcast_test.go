package stream_test

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A server on two loops says the same to all its clients: four, which are on loop 0 of the same group here.
func ExampleBroadcast() {
	const clients = 4
	g, err := loop.NewGroup(loop.GroupOptions{Loops: 2})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := tcp.ListenGroup(g, "127.0.0.1:0", &tcp.Options{Spread: tcp.SpreadEvenly})
	if err != nil {
		log.Fatal(err)
	}
	heard, sent := 0, 0 // of loop 0
	end := func() {
		if heard == clients && sent > 0 {
			g.Shutdown(context.Background(), 0, nil)
		}
	}

	var accepted atomic.Int32 // on both loops
	ln.OnAccept = func(c *tcp.Conn) {
		if accepted.Add(1) < clients {
			return
		}
		servers := func(c *stream.Conn) bool { return c.LocalAddr() == ln.LocalAddr() } // and not the clients' ends
		err := stream.Broadcast(g, []byte("welcome, all"), servers, func(n int) {
			g.At(0).Post(func() { sent = n; end() }) // done is called on either loop
		})
		if err != nil {
			log.Fatal(err)
		}
	}

	err = g.Run(context.Background(), func(i int, lp *loop.Loop) error {
		if i != 0 {
			return nil
		}
		for range clients {
			_, err := tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
				if err != nil {
					log.Fatal(err)
				}
				c.OnRead = func(_ *tcp.Conn, p []byte) {
					fmt.Printf("%s\n", p)
					heard++
					end()
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("sent to", sent)
	// Output:
	// welcome, all
	// welcome, all
	// welcome, all
	// welcome, all
	// sent to 4
}
