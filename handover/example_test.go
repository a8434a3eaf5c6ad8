package handover_test

import (
	"errors"
	"fmt"
	"log"
	"os"

	"example.com/pike/handover"
	"example.com/pike/loop"
	"example.com/pike/tcp"
)

// A program takes its listener from who has started it, or opens it.
func Example() {
	given, err := handover.Take()
	if err != nil {
		log.Fatal(err)
	}
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	ln, err := given.Listener(lp, "http", nil)
	if errors.Is(err, os.ErrNotExist) {
		fmt.Println("nothing was given, so it listens itself")
		ln, err = tcp.Listen(lp, "127.0.0.1:0", nil)
	}
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) { c.Close() }
	if err := given.Ready(); err != nil {
		log.Print(err) // nobody was told: it serves all the same
	}
	ln.Close()
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output: nothing was given, so it listens itself
}
