package tcp_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/tcp"
)

var errCause = errors.New("the cause")

func TestDialContext(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	v := &resolver{gate: gate}
	t.Run("over before", func(t *testing.T) {
		for range 100 {
			r := newRig(t, loop.Options{Resolver: v})
			ln := r.listen(nil, func(*tcp.Conn) { t.Error("it was dialed") })
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(errCause)
			var d dialLog
			_, err := tcp.DialContext(ctx, r.lp, ln.Addr().String(), nil, d.tell)
			r.no(err)
			r.equal("callbacks from inside Dial", d.calls, 0)
			r.until("it is closed", func() bool { return d.closed > 0 })
			d.failed(r, errCause)
		}
	})
	t.Run("resolving", func(t *testing.T) {
		r := newRig(t, loop.Options{Resolver: v})
		ctx, cancel := context.WithCancelCause(context.Background())
		var d dialLog
		_, err := tcp.DialContext(ctx, r.lp, "slow.test:80", nil, d.tell)
		r.no(err)
		r.after(5*time.Millisecond, func() { cancel(errCause) })
		r.run()
		d.failed(r, errCause)
	})
	t.Run("connecting", func(t *testing.T) {
		r := newRig(t)
		addr := r.deaf()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		var d dialLog
		_, err := tcp.DialContext(ctx, r.lp, addr, nil, d.tell)
		r.no(err)
		r.until("it is closed", func() bool { return d.closed > 0 })
		d.failed(r, context.DeadlineExceeded)
	})
	t.Run("connected", func(t *testing.T) {
		r := newRig(t)
		ln := r.listen(nil, func(*tcp.Conn) {})
		ctx, cancel := context.WithCancel(context.Background())
		var d dialLog
		_, err := tcp.DialContext(ctx, r.lp, ln.Addr().String(), nil, d.tell)
		r.no(err)
		r.until("it is called back", func() bool { return d.calls > 0 })
		cancel()
		r.rest(5 * time.Millisecond)
		r.equal("callbacks", d.calls, 1)
		r.equal("Writable", d.conn.Writable(), true)
	})
}

// Giving up is net.ErrClosed for the dial and no error for OnClose, at whatever
// stage.
func TestDialClosed(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	check := func(r *rig, d *dialLog, c *tcp.Conn) {
		t.Helper()
		r.equal("callbacks from inside Close", d.calls, 0)
		r.is(c.Close(), net.ErrClosed)
		r.until("it is closed", func() bool { return d.closed > 0 })
		r.turns(3)
		r.equal("callbacks", d.calls, 1)
		r.is(d.err, net.ErrClosed)
		r.equal("OnClose", d.closed, 1)
		r.no(d.reason)
	}
	t.Run("at once", func(t *testing.T) {
		r := newRig(t)
		var d dialLog
		c, err := tcp.Dial(r.lp, r.refused(), nil, d.tell)
		r.no(err)
		r.no(c.Close())
		check(r, &d, c)
	})
	t.Run("resolving", func(t *testing.T) {
		r := newRig(t, loop.Options{Resolver: &resolver{gate: gate}})
		var d dialLog
		c, err := tcp.Dial(r.lp, "slow.test:80", nil, d.tell)
		r.no(err)
		r.rest(5 * time.Millisecond)
		r.no(c.Close())
		check(r, &d, c)
	})
	t.Run("connecting", func(t *testing.T) {
		r := newRig(t)
		var d dialLog
		c, err := tcp.Dial(r.lp, r.deaf(), nil, d.tell)
		r.no(err)
		r.rest(5 * time.Millisecond)
		r.no(c.Close())
		check(r, &d, c)
	})
	t.Run("aborted", func(t *testing.T) {
		r := newRig(t)
		var d dialLog
		c, err := tcp.Dial(r.lp, r.deaf(), nil, d.tell)
		r.no(err)
		r.no(c.Abort())
		r.is(c.Abort(), net.ErrClosed)
		r.until("it is closed", func() bool { return d.closed > 0 })
		r.equal("callbacks", d.calls, 1)
		r.is(d.err, net.ErrClosed)
		r.is(d.reason, tcp.ErrAborted)
	})
	t.Run("by the loop", func(t *testing.T) {
		r := newRig(t, loop.Options{Resolver: &resolver{gate: gate}})
		var d [2]dialLog
		for i, addr := range []string{r.refused(), "slow.test:80"} {
			_, err := tcp.Dial(r.lp, addr, nil, d[i].tell)
			r.no(err)
		}
		r.no(r.lp.Close())
		for i := range d {
			r.equal("callbacks", d[i].calls, 1)
			r.is(d[i].err, net.ErrClosed)
			r.equal("OnClose", d[i].closed, 1)
		}
	})
}
