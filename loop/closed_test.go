package loop_test

import (
	"reflect"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// A socket that is closed and has something to send yet is closed, but can be cut off.
func TestMethodsOfADrainingUDPSocket(t *testing.T) {
	for _, s := range styles {
		methods := 1
		for i := 0; i < methods; i++ {
			lp := newLoop(t, loop.Options{})
			c, err := udp.Listen(lp, "127.0.0.1:0", nil)
			no(t, err)
			_, err = c.WriteTo([]byte("queued"), c.LocalAddr())
			no(t, err)
			no(t, c.Close())
			ms := exported(c)
			if methods = len(ms); ms[i].name == "udp.Conn.Abort" {
				no(t, c.Abort())
			} else if ms[i].name != "udp.Conn.Buffered" {
				answersClosed(t, ms[i], s)
			}
			no(t, lp.Close())
		}
	}
}

// remains are what can be read of the closed.
var remains = map[string]bool{
	"loop.Base.Loop": true, "loop.Base.Closing": true, "loop.Base.HasRef": true, "timer.Timer.Period": true,
	"loop.Loop.Now": true, "loop.Loop.UpdateNow": true, "loop.Loop.Maker": true, "loop.Loop.Resolver": true,
	// It says that it is closed, or what it was.
	"loop.Hook.Explain": true, "loop.Async.Explain": true, "timer.Timer.Explain": true, "stream.Listener.Explain": true,
	"stream.Conn.Explain": true, "udp.Conn.Explain": true, "signal.Watcher.Explain": true,

	"loop.Loop.Logger": true, "loop.Loop.Group": true, "loop.Loop.Metrics": true,
	"stream.Listener.LocalAddr": true, "stream.Listener.Metrics": true, "stream.Conn.RemoteAddr": true, "stream.Conn.LocalAddr": true,
	"udp.Conn.LocalAddr": true, "udp.Conn.RemoteAddr": true,
}

func readsAsEmpty(t *testing.T, name string, out []reflect.Value) {
	t.Helper()
	for _, v := range out {
		if !remains[name] && !v.IsZero() {
			t.Errorf("%s: %v, want nothing", name, v)
		}
	}
}
