package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"example.com/pike/pipe"
)

// pty is a pseudo-terminal, whose output is as the program writes it.
func (e *env) pty() (master, slave *os.File) {
	e.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		e.Skip("no pseudo-terminals here: ", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	e.no(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	e.no(err)
	name := fmt.Sprintf("/dev/pts/%d", n)
	sfd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	e.no(err)
	modes, err := unix.IoctlGetTermios(sfd, unix.TCGETS)
	e.no(err)
	modes.Oflag &^= unix.OPOST
	modes.Lflag &^= unix.ECHO
	e.no(unix.IoctlSetTermios(sfd, unix.TCSETS, modes))
	slave = os.NewFile(uintptr(sfd), name)
	e.Cleanup(func() { master.Close(); slave.Close() })
	return master, slave
}

var _ = add(
	line{id: "Y1", name: "tty", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		_, slave := e.pty()
		for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY} {
			fd, err := unix.Open(slave.Name(), flags|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
			e.no(err)
			f := os.NewFile(uintptr(fd), slave.Name())
			c, err := pipe.Open(lp, f, nil)
			e.no(err)
			e.no(f.Close())
			e.equal("readable", c.Readable(), flags == unix.O_RDONLY)
			e.equal("writable", c.Writable(), flags == unix.O_WRONLY)
			e.no(c.Close())
		}
		e.run(lp)
	}},

	line{id: "Y2", name: "tty of a file", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		for _, name := range []string{filepath.Join(e.TempDir(), "file"), e.TempDir()} {
			if f, err := os.Create(name); err == nil {
				f.Close()
			}
			f, err := os.Open(name)
			e.no(err)
			_, err = pipe.Open(lp, f, nil)
			e.is(err, errors.ErrUnsupported)
			e.no(f.Close())
		}
		e.run(lp)
	}},

	line{id: "Y3", name: "tty pty", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		m, s := e.pty()
		master, err := pipe.Open(lp, m, nil)
		e.no(err)
		slave, err := pipe.Open(lp, s, nil)
		e.no(err)
		e.equal("both ways", master.Readable() && master.Writable() && slave.Readable() && slave.Writable(), true)
		e.no(master.Close())
		e.no(slave.Close())
		e.run(lp)
	}},

	line{id: "Y4", name: "tty large write", needs: realSystem, run: func(e *env) {
		lp := e.loop()
		m, s := e.pty()
		master, err := pipe.Open(lp, m, nil)
		e.no(err)
		slave, err := pipe.Open(lp, s, nil)
		e.no(err)
		want := bytes.Repeat([]byte("0123456789"), 1000)
		var got []byte
		master.OnRead = func(c *pipe.Conn, p []byte) {
			if got = append(got, p...); len(got) == len(want) {
				e.no(c.Close())
				e.no(slave.Close())
			}
		}
		slave.Write(want)
		e.run(lp)
		e.equal("all has come", bytes.Equal(got, want), true)
	}},
)
