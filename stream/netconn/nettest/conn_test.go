// Package nettest_test holds netconn to golang.org/x/net/nettest, which is what package net holds its own connections
// to. It is a module of its own, so that who uses pike does not get golang.org/x/net with it.
package nettest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/net/nettest"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/stream/netconn"
	"example.com/pike/tcp"
	"example.com/pike/unix"
)

// A network opens a listener on a loop, and dials it.
type network struct {
	listen func(*loop.Loop) (*stream.Listener, error)
	dial   func(*loop.Loop, net.Addr, func(*stream.Conn, error)) (*stream.Conn, error)
}

func networks(t *testing.T) map[string]network {
	n := 0
	return map[string]network{
		"tcp": {
			func(lp *loop.Loop) (*stream.Listener, error) { return tcp.Listen(lp, "127.0.0.1:0", nil) },
			func(lp *loop.Loop, a net.Addr, fn func(*stream.Conn, error)) (*stream.Conn, error) {
				return tcp.Dial(lp, a.String(), nil, fn)
			},
		},
		"unix": {
			func(lp *loop.Loop) (*stream.Listener, error) {
				n++
				return unix.Listen(lp, filepath.Join(t.TempDir(), fmt.Sprint(n)), nil)
			},
			func(lp *loop.Loop, a net.Addr, fn func(*stream.Conn, error)) (*stream.Conn, error) {
				return unix.Dial(lp, a.String(), nil, fn)
			},
		},
	}
}

// running runs a loop on a goroutine of its own, until stop.
func running(setup func(*loop.Loop) error) (lp *loop.Loop, stop func() error, err error) {
	lp, err = loop.New(loop.Options{})
	if err != nil {
		return nil, nil, err
	}
	keep, err := lp.NewAsync(func() {})
	if err == nil {
		err = setup(lp)
	}
	if err != nil {
		return nil, nil, errors.Join(err, lp.Close())
	}
	over := make(chan error, 1)
	go func() { over <- errors.Join(lp.RunContext(context.Background()), lp.Close()) }()
	return lp, func() error {
		lp.Post(func() { keep.Close() })
		lp.Stop()
		return <-over
	}, nil
}

// Both ends are of this package; on one loop, and on two.
func TestConn(t *testing.T) {
	for name, nw := range networks(t) {
		for _, loops := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d loops", name, loops), func(t *testing.T) {
				_, _, stop, err := pipe(nw, loops)
				switch {
				case errors.Is(err, errors.ErrUnsupported): // no unix-domain sockets on Windows
					t.Skip(err)
				case err != nil:
					t.Fatal(err)
				}
				stop()
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) { return pipe(nw, loops) })
			})
		}
	}
}

// pipe is a nettest.MakePipe.
func pipe(nw network, loops int) (c1, c2 net.Conn, stop func(), err error) {
	var nl *netconn.Listener
	lp, stopServer, err := running(func(lp *loop.Loop) error {
		ln, err := nw.listen(lp)
		if err == nil {
			nl = netconn.Listen(ln)
		}
		return err
	})
	if err != nil {
		return nil, nil, nil, err
	}
	stopClient := func() error { return nil }
	if loops == 2 {
		if lp, stopClient, err = running(func(*loop.Loop) error { return nil }); err != nil {
			return nil, nil, nil, errors.Join(err, stopServer())
		}
	}
	dialed := make(chan error, 1)
	lp.Post(func() {
		_, err := nw.dial(lp, nl.Addr(), func(c *stream.Conn, err error) {
			if err == nil {
				c1 = netconn.Wrap(c)
			}
			dialed <- err
		})
		if err != nil {
			dialed <- err
		}
	})
	err = <-dialed
	if err == nil {
		c2, err = nl.Accept()
	}
	return c1, c2, func() {
		if err == nil {
			c1.Close()
			c2.Close()
		}
		nl.Close()
		if err := errors.Join(stopClient(), stopServer()); err != nil {
			panic(err)
		}
	}, err
}
