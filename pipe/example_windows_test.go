package pipe_test

import (
	"fmt"

	"example.com/pike/loop"
	"example.com/pike/pipe"
)

// A server at a named pipe, and a client of it. Both ends are the same type as over TCP.
func ExampleListen() {
	const name = `\\.\pipe\pike-example`
	err := loop.RunOn(nil, func(lp *loop.Loop) error {
		ln, err := pipe.Listen(lp, name, nil)
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *pipe.Conn) {
			c.OnRead = func(c *pipe.Conn, p []byte) { c.Write(p) }
			ln.Close()
		}
		_, err = pipe.Dial(lp, name, nil, func(c *pipe.Conn, err error) {
			if err != nil {
				fmt.Println(err)
				return
			}
			c.OnRead = func(c *pipe.Conn, p []byte) {
				fmt.Printf("%s\n", p)
				c.Close()
			}
			c.WriteString("hello")
		})
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: hello
}
