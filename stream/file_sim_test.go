package stream_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
)

// fileServer is a world of clients that ask for parts of a file, between words, and get them exactly.
func fileServer(f *os.File, size int) func(w *sim.World) error {
	const words = 6
	return func(w *sim.World) error {
		w.Daemon(w.Host("srv"), func(h *sim.Host) error {
			lp, err := loop.New(loop.Options{Poller: h})
			if err != nil {
				return err
			}
			ln, err := tcp.Listen(lp, ":7000", nil)
			if err != nil {
				return err
			}
			ln.OnError = func(error) {}
			ln.OnAccept = func(c *tcp.Conn) {
				c.OnEOF = func(c *tcp.Conn) { c.Close() }
				c.OnRead = func(c *tcp.Conn, p []byte) {
					for _, b := range p {
						at := int64(b) * int64(size) / 256
						c.Write([]byte{b})
						if c.SendFile(f, at, -1, nil) == nil && b%2 == 0 {
							c.WriteString("word")
						}
					}
				}
			}
			return lp.Run()
		})
		for i := range w.Param("clients") {
			w.Go(w.Host(fmt.Sprint("cli", i+1)), func(h *sim.Host) error {
				lp, err := loop.New(loop.Options{Poller: h})
				if err != nil {
					return err
				}
				defer lp.Close()
				var want []byte
				o := &tcp.Options{Timeout: time.Minute, IdleTimeout: time.Minute}
				_, err = tcp.Dial(lp, "10.0.0.1:7000", o, func(c *tcp.Conn, err error) {
					if err != nil {
						return
					}
					for k := range words {
						b := byte(i*37 + k*51)
						at := int(b) * size / 256
						p := pattern{at}
						want = append(append(want, b), p.next(size-at)...)
						if b%2 == 0 {
							want = append(want, "word"...)
						}
						c.Write([]byte{b})
					}
					c.OnRead = func(c *tcp.Conn, p []byte) {
						if len(p) > len(want) || !bytes.Equal(p, want[:len(p)]) {
							w.Errorf("client %d got what the file does not have", i)
							c.Abort()
							return
						}
						if want = want[len(p):]; len(want) == 0 {
							c.Close()
						}
					}
				})
				if err != nil {
					return err
				}
				return lp.Run()
			})
		}
		return w.Run()
	}
}

func TestSendFileUnderFaults(t *testing.T) {
	const size = 150_000
	f := fileOf(t, new(pattern), size)
	cfg := sim.Config{
		Faults: sim.Heavy().Without(sim.Crash),
		Params: []sim.Param{{Name: "clients", Value: 3, Min: 1}},
	}
	worlds := 100
	if testing.Short() || checked {
		worlds = 15
	}
	sim.Explore(t, worlds, cfg, fileServer(f, size))
}
