package stream_test

import (
	"errors"
	"net"
	"testing"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// Two listeners of one socket: neither a connection that waits nor the socket is lost when the first closes.
func TestListenerFile(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		var first, second []*tcp.Conn
		ln := r.listen(nil, func(c *tcp.Conn) { first = append(first, c) })
		f, err := ln.File()
		if err != nil {
			r.is(err, errors.ErrUnsupported)
			if oe := (*net.OpError)(nil); !errors.As(err, &oe) || oe.Op != "file" || oe.Addr.String() != ln.LocalAddr().String() {
				t.Errorf("%#v says not what could not be done", err)
			}
			r.dial(ln, nil)
			r.until("it accepts all the same", func() bool { return len(first) == 1 })
			return
		}
		r.equal("the name", f.Name(), "tcp:"+ln.LocalAddr().String())
		r.dial(ln, nil)
		r.until("it accepts all the same", func() bool { return len(first) == 1 })
		r.no(ln.Pause())
		nc, err := net.Dial("tcp", ln.LocalAddr().String()) // it is in the backlog when this returns
		r.no(err)
		defer nc.Close()
		nl, err := net.FileListener(f)
		r.no(err)
		r.no(f.Close())
		next, err := stream.AdoptListener(r.lp, nl)
		r.no(err)
		next.OnAccept = func(c *tcp.Conn) { second = append(second, c) }
		closed := false
		ln.OnClose = func() { closed = true }
		r.no(ln.Close())
		_, err = ln.File()
		r.is(err, net.ErrClosed)
		r.until("the first is closed", func() bool { return closed })
		r.until("what has waited is accepted", func() bool { return len(second) == 1 })
		r.equal("the peer", second[0].RemoteAddr().String(), nc.LocalAddr().String())
		again, err := next.File()
		r.no(err)
		r.no(again.Close())
		r.dial(next, nil)
		r.until("it goes on", func() bool { return len(second) == 2 })
		r.equal("accepted by the first", len(first), 1)
	})
}
