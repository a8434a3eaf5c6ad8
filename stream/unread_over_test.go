package stream_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// What OnRead leaves unread is bounded where it waits for more, and not where it is paused.
func TestReadLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		for name, c := range map[string]struct {
			limit, first, second int
			read                 func(c *tcp.Conn, p []byte)
			ends                 bool
		}{
			"default":  {0, 1 << 20, 1, all, true},
			"set":      {1000, 1000, 1, all, true},
			"within":   {1000, 999, 1, all, false},
			"tail":     {1000, 1500, 1, func(c *tcp.Conn, p []byte) { c.Unread(p[len(p)-1000:]) }, false},
			"no bound": {-1, 1 << 20, 1 << 20, all, false},
			"paused":   {1000, 1001, 0, func(c *tcp.Conn, p []byte) { c.Unread(p); c.PauseRead() }, false},
		} {
			peer, server := r.pairOf(&tcp.Options{ReadLimit: c.limit}, nil)
			var reason error
			got := 0
			server.OnRead = func(s *tcp.Conn, p []byte) { got = len(p); c.read(s, p) }
			server.OnClose = func(_ *tcp.Conn, err error) { reason = err }
			peer.Write(make([]byte, c.first))
			r.until(name+": the first", func() bool { return got >= c.first })
			r.no(reason)
			r.equal(name+": open", server.Closing(), false)
			peer.Write(make([]byte, c.second))
			r.until(name+": the second", func() bool { return got >= min(c.first, 1000)+c.second || reason != nil })
			r.rest(ms)
			if !c.ends {
				r.no(reason)
				r.no(peer.Abort())
				r.no(server.Abort())
				continue
			}
			r.is(reason, stream.ErrReadLimit)
			var op *net.OpError
			r.equal("a *net.OpError", errors.As(reason, &op) && op.Op == "read" && op.Addr != nil, true)
		}
	})
}

func TestNeedWithinTheReadLimit(t *testing.T) {
	r := newSimRig(t)
	peer, c := r.pair()
	d := reads(c, func(c *tcp.Conn, _ []byte) {
		r.no(c.Need(1 << 20))
		r.is(c.Need(1<<20+1), stream.ErrReadLimit)
		r.no(c.SetReadLimit(10))
		r.is(c.Need(11), stream.ErrReadLimit)
		r.is(c.Need(-1), os.ErrInvalid)
		r.no(c.Need(10))
		r.no(c.SetReadLimit(-1))
		r.no(c.Need(1 << 30))
		r.no(c.SetReadLimit(0))
		r.is(c.Need(1<<20+1), stream.ErrReadLimit)
		r.no(c.Need(2))
	})
	r.write(peer, d, "x")
	peer.WriteString("1")
	r.rest(ms)
	r.write(peer, d, "2")
	d.saw(r, "x", "12")
}

// The bytes that are unread go along to a net.Conn, a Join and a layer.
func TestUnreadIsTakenAlong(t *testing.T) {
	for _, inside := range []bool{true, false} {
		unread := func(r *rig, s string, then func(c *tcp.Conn)) (peer, c *tcp.Conn) {
			peer, c = r.pair()
			d := reads(c, func(c *tcp.Conn, p []byte) {
				r.no(c.Unread(p[1:]))
				if inside {
					then(c)
				}
			})
			r.write(peer, d, s)
			if !inside {
				then(c)
			}
			return peer, c
		}
		t.Run(fmt.Sprint("NetConn", inside), func(t *testing.T) {
			r := newRig(t)
			r.handsOver()
			var nc net.Conn
			peer, c := unread(r, "abc", func(c *tcp.Conn) {
				nc = r.netConn(c)
				r.is(c.Unread(nil), net.ErrClosed)
			})
			defer nc.Close()
			r.until("it is closed", func() bool { return stream.InputOf(c) == nil })
			peer.WriteString("def")
			r.no(peer.CloseWrite())
			r.turns(3)
			r.no(nc.(interface{ CloseWrite() error }).CloseWrite())
			nc.SetDeadline(time.Now().Add(patience))
			p := make([]byte, 1)
			_, err := io.ReadFull(nc, p)
			r.no(err)
			rest, err := io.ReadAll(nc)
			r.no(err)
			r.equal("read", string(p)+string(rest), "bcdef")
		})
		t.Run(fmt.Sprint("Join", inside), func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				to, b := r.pair()
				got := ""
				to.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
				var over *stream.Joined
				peer, _ := unread(r, "abc", func(c *tcp.Conn) {
					r.no(stream.Join(c, b, func(j stream.Joined) { over = &j }))
				})
				r.until("it is passed on", func() bool { return got == "bc" })
				peer.WriteString("def")
				r.no(peer.Close())
				r.no(to.CloseWrite())
				r.until("it is over", func() bool { return over != nil && len(got) >= 5 })
				r.equal("got", got, "bcdef")
				r.equal("counted", over.AB, int64(5))
			})
		})
		t.Run(fmt.Sprint("StartLayer", inside), func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				var refused error
				var second *reader
				_, c := unread(r, "xlo+", func(c *tcp.Conn) {
					refused = c.StartLayer(answering, func(*tcp.Conn, error) {})
					r.no(c.StartLayer(answering, func(c *tcp.Conn, err error) { r.no(err); second = reads(c, func(*tcp.Conn, []byte) {}) },
						&stream.LayerOptions{Early: true, Rest: []byte("hel")}))
					r.is(c.Unread(nil), os.ErrInvalid)
				})
				r.is(refused, stream.ErrEarly)
				r.until("it goes through the layer", func() bool { return second != nil && strings.Join(second.calls, "") == "+" })
				r.equal("memory", stream.InputOf(c) == nil, true)
			})
		})
	}
}

// A server that PauseReads bounds: small requests with large answers are answered as the peer reads them, in
// order, and never more than the limit and one answer is queued.
func TestPipelineWithinTheQueueLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		const request, answer, limit, n = 64, 64 << 10, 1 << 20, 1024
		most, answered := 0, 0
		peer, c := r.pairOf(&tcp.Options{QueueLimit: &stream.QueueLimit{Bytes: limit, Policy: stream.PauseReads}}, nil)
		a := make([]byte, answer)
		c.OnRead = func(c *tcp.Conn, p []byte) {
			for ; len(p) >= request && !c.Paused(); p = p[request:] {
				if int(p[0])|int(p[1])<<8 != answered {
					t.Fatalf("request %d is %v", answered, p[:2])
				}
				a[0], a[1] = p[0], p[1]
				answered++
				c.Write(a)
				most = max(most, c.Buffered())
			}
			c.Unread(p)
		}
		var all []byte
		for i := range n {
			all = append(all, byte(i), byte(i>>8))
			all = append(all, make([]byte, request-2)...)
		}
		got := 0
		r.no(peer.PauseRead())
		peer.OnRead = func(_ *tcp.Conn, p []byte) {
			for i := (answer - got%answer) % answer; i < len(p); i += answer {
				if i+got != got/answer*answer+i && p[i] != byte((got+i)/answer) {
					t.Fatalf("answer %d is %d", (got+i)/answer, p[i])
				}
			}
			got += len(p)
		}
		peer.Write(all)
		r.until("the limit is reached", func() bool { return c.Paused() })
		r.rest(5 * ms)
		r.equal("still paused", c.Paused(), true)
		if answered >= n {
			t.Fatal("the limit has held nothing back")
		}
		r.no(peer.ResumeRead())
		r.until("all is answered", func() bool { return got == n*answer })
		r.equal("requests", answered, n)
		if most > limit+answer {
			t.Errorf("%d bytes were queued", most)
		}
	})
}
