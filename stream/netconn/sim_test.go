package netconn_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream/netconn"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// job runs fn as a job of lp, and then goes on with done, which may be nil, on the loop.
func job[T any](lp *loop.Loop, fn func() (T, error), done func(T, error)) {
	loop.Work(context.Background(), lp, func(context.Context) (T, error) { return fn() }, done)
}

// A blocking server, all of whose goroutines are jobs: one accepts, and each connection has one that answers messages with
// a header of their length. It ends with the first that says so.
func (s *chat) serve(lp *loop.Loop) error {
	ln, err := tcp.Listen(lp, ":7000", nil)
	if err != nil {
		return err
	}
	nl := netconn.Listen(ln)
	s.left = append(s.left, nl)
	var accept func()
	accept = func() {
		job(lp, nl.Accept, func(c net.Conn, err error) {
			if err != nil {
				return
			}
			s.left = append(s.left, c)
			accept()
			job(lp, func() (bool, error) { return answer(c) }, func(last bool, _ error) {
				c.Close()
				if last {
					nl.Close()
				}
			})
		})
	}
	accept()
	return nil
}

// answer sends back what comes, until the end or a message of no bytes, which is the last for all.
func answer(c net.Conn) (last bool, err error) {
	for {
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return false, err
		}
		m := make([]byte, binary.BigEndian.Uint32(head[:]))
		if len(m) == 0 {
			return true, nil
		}
		if _, err := io.ReadFull(c, m); err != nil {
			return false, err
		}
		if _, err := c.Write(m); err != nil {
			return false, err
		}
	}
}

// talk sends messages of many sizes, and looks at the answers.
func talk(c net.Conn, seed uint64, sizes []int) error {
	for i, size := range sizes {
		m := random(seed+uint64(i), size)
		if _, err := c.Write(binary.BigEndian.AppendUint32(nil, uint32(size))); err != nil {
			return err
		}
		if _, err := c.Write(m); err != nil {
			return err
		}
		got := make([]byte, size)
		if _, err := io.ReadFull(c, got); err != nil {
			return err
		}
		if !bytes.Equal(got, m) {
			return fmt.Errorf("the answer to a message of %d bytes is another", size)
		}
	}
	return nil
}

// A chat is a world of one such server and some clients.
type chat struct {
	left []io.Closer // to end jobs whose world has ended without them
}

// run is the world. The last client to end tells the server to.
func (s *chat) run(w *sim.World) error {
	const clients = 3
	w.Go(w.Host("srv"), func(h *sim.Host) error { return loop.RunOn(h, s.serve) })
	ended := 0
	for i := range clients {
		w.Go(w.Host(fmt.Sprint("cli", i)), func(h *sim.Host) error {
			return loop.RunOn(h, func(lp *loop.Loop) error {
				var sizes []int
				for range 5 {
					sizes = append(sizes, 1+w.Rand().IntN(1<<w.Rand().IntN(18)))
				}
				_, err := tcp.Dial(lp, "srv:7000", nil, func(c *tcp.Conn, err error) {
					if err != nil {
						w.Errorf("dial: %v", err)
						return
					}
					nc := netconn.Wrap(c)
					s.left = append(s.left, nc)
					job(lp, func() (int, error) { return 0, talk(nc, uint64(i), sizes) }, func(_ int, err error) {
						if err != nil {
							w.Errorf("client %d: %v", i, err)
						}
						if ended++; ended == clients {
							job(lp, func() (int, error) { return nc.Write(make([]byte, 4)) }, func(int, error) { nc.Close() })
							return
						}
						nc.Close()
					})
				})
				return err
			})
		})
	}
	err := w.Run()
	for _, c := range s.left {
		c.Close()
	}
	return err
}

// Jobs that block in Read, Write and Accept leave a world what it is: the same seed gives the same trace, and what
// arrives is right. The faults are those that no program hears of, as it is not the network that is to be tested here.
func TestSimulated(t *testing.T) {
	worlds := 6
	if testing.Short() {
		worlds = 2
	}
	heard := []sim.Fault{sim.TooManyOpen, sim.LookupFail, sim.Reset, sim.Refuse, sim.Timeout, sim.Partition, sim.Crash}
	for name, faults := range map[string]sim.Faults{"none": sim.None(), "heavy": sim.Heavy().Without(heard...)} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(worlds) {
				once := func() uint64 {
					w, err := sim.Once(seed, sim.Config{Faults: faults}, new(chat).run)
					if err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					return w.Hash()
				}
				if first, second := once(), once(); first != second {
					t.Fatalf("seed %d is not the same twice", seed)
				}
			}
		})
	}
}

// paired is a program with both ends of a connection on its loop: one for jobs, the other an echo.
func paired(w *sim.World, fn func(lp *loop.Loop, nc *netconn.Conn)) error {
	w.Go(w.Host("host"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":7", nil)
			if err != nil {
				return err
			}
			ln.OnAccept = func(c *tcp.Conn) {
				c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
				ln.Close()
			}
			_, err = tcp.Dial(lp, "host:7", nil, func(c *tcp.Conn, err error) {
				if err != nil {
					w.Errorf("dial: %v", err)
					return
				}
				fn(lp, netconn.Wrap(c))
			})
			return err
		})
	})
	return w.Run()
}

// What a turn of the loop gives a Read that waits, it gets as a whole, however fast its goroutine is.
func TestSimulatedReadWaitsForTheTurn(t *testing.T) {
	sim.Test(t, sim.Config{}, func(w *sim.World) error {
		return paired(w, func(lp *loop.Loop, nc *netconn.Conn) {
			job(lp, func() (string, error) {
				b := make([]byte, 10)
				n, err := nc.Read(b)
				return string(b[:n]), err
			}, func(got string, err error) {
				if got != "abcd" || err != nil {
					w.Errorf("Read: %q, %v", got, err)
				}
				nc.Close()
			})
			timer.After(lp, time.Second, func() {
				netconn.Receive(nc, []byte("ab"))
				time.Sleep(10 * time.Millisecond) // of real time, enough for the job to look
				netconn.Receive(nc, []byte("cd"))
			})
		})
	})
}

// A world has no real time: a deadline to come is refused, and changes nothing.
func TestSimulatedDeadlines(t *testing.T) {
	sim.Test(t, sim.Config{}, func(w *sim.World) error {
		return paired(w, func(lp *loop.Loop, nc *netconn.Conn) {
			job(lp, func() (int, error) {
				if err := nc.SetDeadline(time.Now().Add(time.Hour)); !errors.Is(err, errors.ErrUnsupported) {
					return 0, fmt.Errorf("a deadline to come: %v", err)
				}
				if err := nc.SetReadDeadline(past); err != nil {
					return 0, err
				}
				if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					return 0, fmt.Errorf("read: %v", err)
				}
				if err := nc.SetReadDeadline(time.Time{}); err != nil {
					return 0, err
				}
				if _, err := nc.Write([]byte("x")); err != nil {
					return 0, err
				}
				return nc.Read(make([]byte, 1))
			}, func(n int, err error) {
				if n != 1 || err != nil {
					w.Errorf("%d, %v", n, err)
				}
				nc.Close()
			})
		})
	})
}
