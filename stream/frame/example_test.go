package frame_test

import (
	"bufio"
	"errors"
	"fmt"
	"log"

	"example.com/pike/loop"
	"example.com/pike/stream/frame"
	"example.com/pike/tcp"
)

// A server that answers lines, and a client whose lines come in pieces.
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
		ln.Close() // one is enough
		frame.Split(c, frame.Lines, 4096, func(c *tcp.Conn, line []byte) {
			fmt.Printf("%q\n", line)
		})
	}
	tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.WriteString("hello\r\nwor")
		c.WriteString("ld\n")
		c.Close()
	})
	lp.Run()
	// Output:
	// "hello"
	// "world"
}

// Messages with their length before them, as protocol buffers are sent.
func ExampleSplitBy() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	var uvarint frame.Length
	ln.OnAccept = func(c *tcp.Conn) {
		ln.Close()
		frame.SplitBy(c, uvarint, 1<<20, func(c *tcp.Conn, message []byte) {
			fmt.Printf("%d bytes\n", len(message))
		})
	}
	tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		p, _ := frame.AppendLength(nil, uvarint, "hello")
		p, _ = frame.AppendLength(p, uvarint, make([]byte, 300_000))
		c.Write(p)
		c.Close()
	})
	lp.Run()
	// Output:
	// 5 bytes
	// 300000 bytes
}

// A peer that sends too long a line is cut off, and OnClose says why.
func ExampleError() {
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
		c.OnClose = func(c *tcp.Conn, err error) {
			var e *frame.Error
			if errors.As(err, &e) {
				fmt.Println(e, e.Err == bufio.ErrTooLong)
			}
		}
		frame.Split(c, frame.Lines, 10, func(c *tcp.Conn, line []byte) {})
	}
	tcp.Dial(lp, ln.LocalAddr().String(), nil, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.WriteString("short\nbut this one is not\n")
	})
	lp.Run()
	// Output:
	// frame at byte 6 (limit 10): bufio.Scanner: token too long true
}

func ExampleAppendLine() {
	p, err := frame.AppendLine(nil, "hello")
	fmt.Printf("%q %v\n", p, err)
	_, err = frame.AppendLine(nil, "two\nlines")
	fmt.Println(err)
	// Output:
	// "hello\n" <nil>
	// frame: a line with an end in it: invalid argument
}
