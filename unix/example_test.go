//go:build !windows && !dragonfly

package unix_test

import (
	"fmt"
	"os"
	"path/filepath"

	"example.com/pike/loop"
	"example.com/pike/unix"
)

// A server at a path, and a client of it. Both ends are the same type as over TCP.
func Example() {
	dir, err := os.MkdirTemp("", "pike")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")

	err = loop.RunOn(nil, func(lp *loop.Loop) error {
		ln, err := unix.Listen(lp, path, nil)
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *unix.Conn) {
			c.OnRead = func(c *unix.Conn, p []byte) { c.Write(p) }
			ln.Close()
		}
		_, err = unix.Dial(lp, path, nil, func(c *unix.Conn, err error) {
			if err != nil {
				fmt.Println(err)
				return
			}
			c.OnRead = func(c *unix.Conn, p []byte) {
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

// A server for the processes of its own user. Its file is for that user from the first moment, what a
// server that was killed has left is taken over, and the system says who connects.
func ExampleListenConfig() {
	dir, err := os.MkdirTemp("", "pike")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")

	err = loop.RunOn(nil, func(lp *loop.Loop) error {
		lc := unix.ListenConfig{Mode: 0o600}
		ln, err := lc.Listen(lp, path, nil)
		if err != nil {
			return err
		}
		if st, err := os.Lstat(path); err == nil {
			fmt.Println(st.Mode())
		}
		ln.OnAccept = func(c *unix.Conn) {
			who, err := unix.PeerCred(c)
			fmt.Println("own user:", err == nil && who.UID == os.Geteuid())
			c.Close()
			ln.Close()
		}
		_, err = unix.Dial(lp, path, nil, func(c *unix.Conn, err error) {
			if err != nil {
				fmt.Println(err)
				return
			}
			c.OnRead = func(*unix.Conn, []byte) {}
		})
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	if _, err := os.Lstat(path); os.IsNotExist(err) {
		fmt.Println("no file is left")
	}
	// Output:
	// Srw-------
	// own user: true
	// no file is left
}
