//go:build !windows

package unix_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"example.com/pike/loop"
	"example.com/pike/unix"
)

// A process opens a file for another one, which has no right to do so itself. Here both ends are in one process.
func ExampleWriteFiles() {
	dir, err := os.MkdirTemp("", "pike")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path, secret := filepath.Join(dir, "socket"), filepath.Join(dir, "secret")
	os.WriteFile(secret, []byte("what is in the file"), 0o600)

	err = loop.RunOn(nil, func(lp *loop.Loop) error {
		ln, err := unix.Listen(lp, path, nil)
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *unix.Conn) {
			f, err := os.Open(secret)
			if err != nil {
				fmt.Println(err)
				return
			}
			if err := unix.WriteFiles(c, []byte("here it is"), f); err != nil {
				fmt.Println(err)
			}
			f.Close() // what was written is a duplicate
			c.Close()
			ln.Close()
		}
		_, err = unix.Dial(lp, path, nil, func(c *unix.Conn, err error) {
			if err != nil {
				fmt.Println(err)
				return
			}
			unix.OnPassed(c, func(_ *unix.Conn, files []*unix.Passed) {
				f, err := files[0].File()
				if err != nil {
					fmt.Println(err)
					return
				}
				defer f.Close()
				text, _ := io.ReadAll(f)
				fmt.Printf("%s\n", text)
			})
			c.OnRead = func(_ *unix.Conn, p []byte) { fmt.Printf("%s\n", p) }
		})
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// what is in the file
	// here it is
}
