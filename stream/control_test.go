package stream_test

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/tcp"
)

type answers []netip.Addr

func (a answers) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return a, nil
}

// an empty answer
func TestEmptyAnswerOfAResolver(t *testing.T) {
	r := newRig(t, loop.Options{Resolver: answers{}})
	told := false
	_, err := tcp.Dial(r.lp, "x.test:80", nil, func(_ *tcp.Conn, err error) { told = err != nil })
	r.no(err)
	r.until("told", func() bool { return told })
}

// Control of first address refuses, second ok, fixed port; Control closes
func TestControlOfEachAddress(t *testing.T) {
	for mode := range 6 {
		two := answers{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}
		r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) {}, Resolver: two})
		ln := r.listen(nil, func(c *tcp.Conn) { c.OnEOF = nil })
		told, closed, calls := 0, 0, 0
		var c *tcp.Conn
		o := &tcp.Options{}
		if mode%2 == 1 {
			o.LocalAddr = r.ownPort()
			o.ReuseAddr = true
		}
		o.Control = func(_, a string, _ syscall.RawConn) error {
			calls++
			switch mode / 2 {
			case 0:
				if calls == 1 {
					return syscall.EPERM
				}
			case 1:
				if calls == 1 {
					panic("x")
				}
			case 2:
				if calls == 2 {
					c.Close()
					return errors.New("y")
				}
			}
			return nil
		}
		ap := netip.MustParseAddrPort(ln.LocalAddr().String())
		_, port, _ := splitPort(ap.String())
		var err error
		c, err = tcp.Dial(r.lp, "x.test:"+port, o, func(c *tcp.Conn, err error) {
			told++
			if err == nil {
				c.Close()
			}
		})
		r.no(err)
		c.OnClose = func(*tcp.Conn, error) { closed++ }
		r.until("closed", func() bool { return closed == 1 })
		ln.Close()
		r.rest(50 * time.Millisecond)
		if told != 1 || closed != 1 {
			t.Error(mode, told, closed, calls)
		}
		r.run()
	}
}

func splitPort(s string) (string, string, bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ':' {
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}
