//go:build unix

package pipe_test

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"

	"example.com/pike/loop"
	"example.com/pike/pipe"
)

// A child sorts lines.
func ExampleStart() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	child, err := pipe.Start(lp, exec.Command("sort"), nil)
	if err != nil {
		log.Fatal(err)
	}
	child.Stdin.WriteString("pike\nbass\n")
	child.Stdin.CloseWrite()
	child.Stdout.OnRead = func(_ *pipe.Conn, p []byte) { fmt.Print(string(p)) }
	child.OnExit = func(_ *pipe.Process, state *os.ProcessState, err error) {
		if err != nil {
			log.Print(err)
		}
	}
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// bass
	// pike
}

// A pipe is read, in place of os.Stdin.
func ExampleOpen() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	in, out, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	out.WriteString("a line\n")
	out.Close()

	c, err := pipe.Open(lp, in, nil)
	if err != nil {
		log.Fatal(err)
	}
	in.Close() // the Conn has its own
	c.OnRead = func(_ *pipe.Conn, p []byte) { fmt.Println(strings.ToUpper(strings.TrimSpace(string(p)))) }
	c.OnClose = func(_ *pipe.Conn, err error) { fmt.Println(err) }
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// A LINE
	// EOF
}
