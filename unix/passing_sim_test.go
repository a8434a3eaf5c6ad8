package unix_test

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"
	"time"

	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/timer"
	"example.com/pike/unix"
)

// A simFile is a simulated file as WriteFiles takes it.
type simFile uintptr

func (f simFile) Fd() uintptr                           { return uintptr(f) }
func (f simFile) SyscallConn() (syscall.RawConn, error) { return netop.RawSocket{Descriptor: f}, nil }

// A parcelServer reads messages that say how many files they have, and which. A message is 8 bytes, the
// identities, 4 bytes each, and bytes that say nothing.
type parcelServer struct {
	w     *sim.World
	h     *sim.Host
	in    []byte
	files []int // that have come and that no message has named yet
	next  int   // message
}

func (s *parcelServer) passed(c *unix.Conn, files []*unix.Passed) {
	if len(s.files)%3 == 2 { // the bytes wait, and later files stay with the system
		c.PauseRead()
		timer.After(c.Loop(), 3*time.Millisecond, func() { c.ResumeRead() })
	}
	for _, f := range files {
		fd, err := f.Take()
		if err != nil {
			s.w.Errorf("Take: %v", err)
		}
		s.files = append(s.files, s.h.FileID(fd))
		s.h.CloseFile(fd)
	}
}

func (s *parcelServer) read(c *unix.Conn, p []byte) {
	s.in = append(s.in, p...)
	for len(s.in) >= 8 {
		n, size := int(s.in[2]), int(binary.BigEndian.Uint32(s.in[4:]))
		if len(s.files) < n {
			s.w.Errorf("message %d has begun, and %d of its %d files are there", s.next, len(s.files), n)
			return
		}
		if len(s.in) < size {
			return
		}
		if got := int(binary.BigEndian.Uint16(s.in)); got != s.next {
			s.w.Errorf("message %d came for message %d", got, s.next)
		}
		for i := range n {
			if id := int(binary.BigEndian.Uint32(s.in[8+4*i:])); id != s.files[i] {
				s.w.Errorf("message %d: file %d is %d, want %d", s.next, i, s.files[i], id)
			}
		}
		s.files, s.in, s.next = s.files[n:], s.in[size:], s.next+1
	}
}

// parcels is a world of processes that pass files to a server of their machine.
func parcels(w *sim.World) error {
	machine := w.Host("machine")
	messages := 0
	w.Daemon(machine, func(h *sim.Host) error {
		lp, err := loop.New(loop.Options{Poller: h})
		if err != nil {
			return err
		}
		defer lp.Close()
		ln, err := unix.Listen(lp, "/run/parcels", nil)
		if err != nil {
			return err
		}
		ln.OnError = func(error) {}
		ln.OnAccept = func(c *unix.Conn) {
			s := &parcelServer{w: w, h: h}
			if err := unix.OnPassed(c, s.passed); err != nil {
				w.Errorf("OnPassed: %v", err)
			}
			c.OnRead = func(c *unix.Conn, p []byte) {
				before := s.next
				s.read(c, p)
				messages += s.next - before
			}
		}
		return lp.Run()
	})
	for i := range w.Param("clients") {
		w.Go(machine.Process(fmt.Sprint("cli", i)), func(h *sim.Host) error { return parcelClient(w, h, i) })
	}
	err := w.Run()
	if n := w.OpenFiles(); n != 0 && err == nil {
		return fmt.Errorf("%d files are open still", n)
	}
	if want := w.Param("clients") * w.Param("messages"); err == nil && w.Param("faults") == 0 && messages != want {
		return fmt.Errorf("%d messages came, want %d", messages, want)
	}
	return err
}

// parcelClient writes messages, with and without files, in pieces and in one.
func parcelClient(w *sim.World, h *sim.Host, i int) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	sent, all := 0, w.Param("messages")
	write := func(c *unix.Conn) {
		n := w.Rand().IntN(5)
		msg := make([]byte, 8+4*n+w.Rand().IntN(40_000>>w.Rand().IntN(15)))
		binary.BigEndian.PutUint16(msg, uint16(sent))
		msg[2] = byte(n)
		binary.BigEndian.PutUint32(msg[4:], uint32(len(msg)))
		var files []syscall.Conn
		for j := range n {
			f := h.OpenFile()
			defer h.CloseFile(f)
			files = append(files, simFile(f))
			binary.BigEndian.PutUint32(msg[8+4*j:], uint32(h.FileID(f)))
		}
		if n == 0 {
			c.Write(msg)
		} else if err := unix.WriteFiles(c, msg, files...); err != nil && c.Writable() {
			w.Errorf("client %d: %v", i, err)
		}
		sent++
	}
	_, err = unix.Dial(lp, "/run/parcels", nil, func(c *unix.Conn, err error) {
		if err != nil {
			return
		}
		c.OnRead = stream.Discard
		c.OnWrite = func(c *unix.Conn) {
			for range 1 + w.Rand().IntN(3) {
				if sent < all {
					write(c)
				}
			}
			switch {
			case w.Param("faults") > 0 && w.Rand().IntN(3*all) == 0:
				c.Abort() // with much of it queued
			case sent == all:
				c.CloseWrite() // the server closes when it has read all
			}
		}
		c.OnWrite(c)
	})
	if err != nil {
		return err
	}
	return lp.Run()
}

func TestFilesInEveryWorld(t *testing.T) {
	worlds := 40
	if testing.Short() {
		worlds = 4
	}
	params := []sim.Param{{Name: "clients", Value: 4, Min: 1}, {Name: "messages", Value: 25, Min: 1}, {Name: "faults", Value: 0}}
	sim.Explore(t, worlds, sim.Config{Params: params, SendBuffer: 20_000, RecvBuffer: 30_000}, parcels)
}

// TestFilesUnderFaults also ends connections in the middle. What comes is in order still, and in the end no
// file is left.
func TestFilesUnderFaults(t *testing.T) {
	worlds := 200
	if testing.Short() {
		worlds = 10
	}
	params := []sim.Param{{Name: "clients", Value: 4, Min: 1}, {Name: "messages", Value: 25, Min: 1}, {Name: "faults", Value: 1, Min: 1}}
	sim.Explore(t, worlds, sim.Config{Params: params, Faults: sim.Heavy()}, parcels)
}
