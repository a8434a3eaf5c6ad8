package stream_test

import (
	"errors"
	"fmt"
	"log"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// An echo server, and a client of it on the same loop.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		c.OnClose = func(c *tcp.Conn, err error) {
			fmt.Println("server:", err) // the client has ended
			ln.Close()
		}
	}

	_, err = tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = func(c *tcp.Conn, p []byte) {
			fmt.Printf("client: %s\n", p)
			c.Close()
		}
		c.WriteString("hello, loop")
	})
	if err != nil {
		log.Fatal(err)
	}

	if err := lp.Run(); err != nil { // until everything is closed
		log.Fatal(err)
	}
	// Output:
	// client: hello, loop
	// server: EOF
}

// What goes wrong with a dial is told once, in the function given to it.
func ExampleDial() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	ln.OnClose = func() { // from now on nobody listens there
		o := &tcp.Options{Timeout: 5 * time.Second}
		_, err := tcp.Dial(lp, ln.LocalAddr().String(), o, func(c *tcp.Conn, err error) {
			fmt.Println("refused:", errors.Is(err, syscall.ECONNREFUSED))
		})
		if err != nil {
			log.Fatal(err) // the call itself was wrong
		}
	}
	ln.Close()

	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// refused: true
}

// A client says that it has no more questions and still reads the answer, which
// is how a server finds the end of a request of any length.
func ExampleConn_CloseWrite() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		n := 0
		c.OnRead = func(c *tcp.Conn, p []byte) { n += len(p) }
		c.OnEOF = func(c *tcp.Conn) {
			fmt.Fprintf(c, "you sent %d bytes", n)
			c.Close() // what was written is sent first
		}
		ln.Close() // one client is enough
	}

	_, err = tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = func(c *tcp.Conn, p []byte) { fmt.Printf("%s\n", p) }
		c.WriteString("a long question")
		c.CloseWrite()
	})
	if err != nil {
		log.Fatal(err)
	}

	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// you sent 15 bytes
}

// A proxy: what connects to it talks to another server.
func ExampleJoin() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	server, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	server.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		server.Close()
	}
	proxy, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{IdleTimeout: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	proxy.OnAccept = func(in *tcp.Conn) {
		out, err := tcp.Dial(lp, server.LocalAddr().String(), nil, func(*tcp.Conn, error) {})
		if err != nil {
			log.Fatal(err)
		}
		stream.Join(in, out, func(p stream.Joined) { fmt.Println(p.AB, "bytes there,", p.BA, "bytes back") })
		proxy.Close()
	}
	tcp.Dial(lp, proxy.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = func(c *tcp.Conn, p []byte) { fmt.Printf("%s\n", p) }
		c.WriteString("hello")
		c.CloseWrite()
	})
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello
	// 5 bytes there, 5 bytes back
}

// A goroutine answers, and closes the connection behind its last word.
func ExampleConn_AsyncWrite() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		ln.Close()
		go func() {
			for _, word := range []string{"one ", "two ", "three"} {
				if err := c.AsyncWrite([]byte(word)); err != nil {
					return // the connection has gone
				}
			}
			c.Post(func(c *tcp.Conn) { c.Close() })
		}()
	}
	tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = func(_ *tcp.Conn, p []byte) { fmt.Printf("%s", p) }
	})
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output: one two three
}

// A producer that pauses while much is queued.
func ExampleWatermarks() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	highs, lows := 0, 0
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Watermarks: &stream.Watermarks{
		High:   1 << 20,
		OnHigh: func(c *tcp.Conn) { highs++ }, // pause what produces the output
		OnLow: func(c *tcp.Conn) { // and let it go on
			lows++
			c.Close()
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.Write(make([]byte, 64<<20)) // more than any system takes at once
		ln.Close()
	}
	tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = func(c *tcp.Conn, p []byte) {}
	})
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(highs, "time high,", lows, "time low")
	// Output: 1 time high, 1 time low
}
