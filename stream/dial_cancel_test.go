package stream_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

var errCause, errGivenUp = errors.New("the cause"), errors.New("given up")

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
			_, err := tcp.DialContext(ctx, r.lp, ln.LocalAddr().String(), nil, d.tell)
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
		_, err := tcp.DialContext(ctx, r.lp, ln.LocalAddr().String(), nil, d.tell)
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
		r.is(d.reason, stream.ErrAborted)
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

// A stubborn resolver does not look at its context.
type stubborn chan struct{}

func (v stubborn) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	<-v
	return nil, errCause
}

// A dial ends in time though the resolver does not, and so does Run.
func TestDialOfAStubbornResolver(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(r *rig, c *tcp.Conn, cancel context.CancelCauseFunc)
		want error
	}{
		"Timeout": {func(*rig, *tcp.Conn, context.CancelCauseFunc) {}, os.ErrDeadlineExceeded},
		"Close":   {func(r *rig, c *tcp.Conn, _ context.CancelCauseFunc) { r.no(c.Close()) }, net.ErrClosed},
		"Abort":   {func(r *rig, c *tcp.Conn, _ context.CancelCauseFunc) { r.no(c.Abort()) }, net.ErrClosed},
		"context": {func(_ *rig, _ *tcp.Conn, cancel context.CancelCauseFunc) { cancel(errGivenUp) }, errGivenUp},
	} {
		t.Run(name, func(t *testing.T) {
			gate := make(stubborn)
			defer close(gate)
			r := newRig(t, loop.Options{Resolver: gate})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			o := &tcp.Options{Timeout: time.Hour}
			if name == "Timeout" {
				o.Timeout = 10 * time.Millisecond
			}
			var d dialLog
			conn, err := tcp.DialContext(ctx, r.lp, "slow.test:80", o, d.tell)
			r.no(err)
			r.after(5*time.Millisecond, func() { c.end(r, conn, cancel) })
			r.run()
			r.equal("callbacks", d.calls, 1)
			r.is(d.err, c.want)
			r.equal("OnClose", d.closed, 1)
		})
	}
}
