// Package pty gives tests a terminal: a pseudo-terminal of the system (pty(7)), and a Screen that shows what is written to
// it.
package pty

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A Terminal is a pseudo-terminal. Programs run on the Line. What they write comes to the Screen, and Type is a keyboard.
type Terminal struct {
	Line   *os.File
	Screen *Screen
	master *os.File
	read   chan struct{} // closed when nothing is read any more
}

// Open makes a terminal of a size. It has the modes of a terminal that somebody logs in at.
func Open(width, height int) (*Terminal, error) {
	// It does not block, so that Close need not wait for show to have read something.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("open /dev/ptmx", err)
	}
	t := &Terminal{master: os.NewFile(uintptr(fd), "/dev/ptmx"), Screen: NewScreen(width, height), read: make(chan struct{})}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.master.Close()
		return nil, os.NewSyscallError("TIOCSPTLCK", err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.master.Close()
		return nil, os.NewSyscallError("TIOCGPTN", err)
	}
	name := fmt.Sprint("/dev/pts/", n)
	line, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.master.Close()
		return nil, os.NewSyscallError("open "+name, err)
	}
	t.Line = os.NewFile(uintptr(line), name)
	if err := t.Resize(width, height); err != nil {
		t.Line.Close()
		t.master.Close()
		return nil, err
	}
	go t.show()
	return t, nil
}

// show draws until the terminal is closed, and nobody else has its line any more.
func (t *Terminal) show() {
	defer close(t.read)
	buf := make([]byte, 4096)
	for {
		n, err := t.master.Read(buf)
		t.Screen.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

// Type presses keys.
func (t *Terminal) Type(keys string) error {
	_, err := t.master.WriteString(keys)
	return err
}

// Resize gives the window another size, which the system tells by SIGWINCH.
func (t *Terminal) Resize(width, height int) error {
	t.Screen.Resize(width, height)
	size := unix.Winsize{Row: uint16(height), Col: uint16(width)}
	return os.NewSyscallError("TIOCSWINSZ", unix.IoctlSetWinsize(int(t.Line.Fd()), unix.TIOCSWINSZ, &size))
}

// Mode is how the terminal is set: flags and characters of termios(3).
func (t *Terminal) Mode() (unix.Termios, error) {
	mode, err := unix.IoctlGetTermios(int(t.Line.Fd()), unix.TCGETS)
	if err != nil {
		return unix.Termios{}, os.NewSyscallError("TCGETS", err)
	}
	return *mode, nil
}

// HangUp ends the connection with the keyboard and the screen: programs on the line get SIGHUP and no more than that.
func (t *Terminal) HangUp() {
	t.master.Close()
	<-t.read
}

// Close is HangUp, and the end of the line here.
func (t *Terminal) Close() {
	t.HangUp()
	t.Line.Close()
}
