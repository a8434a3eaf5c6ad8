package frame_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream"
	"example.com/pike/stream/frame"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/tcp"
)

// worlds are a quiet one and some with faults that lose nothing.
func worlds(t *testing.T, test func(r *rig)) {
	test(newRig(t, 0, sim.None()))
	for seed := range uint64(10) {
		test(newRig(t, seed, sim.Heavy().Without(sim.Refuse, sim.Reset, sim.Timeout, sim.TooManyOpen, sim.DropUnread)))
	}
}

// lines begins to split c into lines, which get noted.
func (r *rig) lines(c *tcp.Conn, got *[]string, fn func(c *tcp.Conn, line string)) {
	r.Helper()
	r.no(frame.Split(c, frame.Lines, 1000, func(c *tcp.Conn, line []byte) {
		*got = append(*got, string(line))
		fn(c, string(line))
	}))
}

func (r *rig) wants(got *[]string, want string) {
	r.Helper()
	r.until(want, func() bool { return len(strings.Join(*got, "|")) >= len(want) })
	r.pass(time.Second)
	if s := strings.Join(*got, "|"); s != want {
		r.Fatalf("got %q, want %q", s, want)
	}
}

// fn pauses in the middle of a pipeline: what follows comes in order when reading goes on.
func TestPauseInAPipeline(t *testing.T) {
	worlds(t, func(r *rig) {
		var got []string
		peer, c := r.pair(nil, func(c *tcp.Conn) {
			r.lines(c, &got, func(c *tcp.Conn, line string) {
				if line == "b" {
					r.no(c.PauseRead())
				}
			})
		})
		peer.WriteString("a\nb\nc\nd\n")
		r.wants(&got, "a|b")
		r.no(c.ResumeRead())
		r.wants(&got, "a|b|c|d")
	})
}

// The queue limit pauses: no more is queued than that and one answer, and all is answered, in order.
func TestQueueLimitInAPipeline(t *testing.T) {
	worlds(t, func(r *rig) {
		const limit, answer, n = 64 << 10, 8 << 10, 200
		most, answered := 0, 0
		o := &tcp.Options{QueueLimit: &stream.QueueLimit{Bytes: limit, Policy: stream.PauseReads}}
		peer, c := r.pair(o, func(c *tcp.Conn) {
			r.no(frame.Split(c, frame.Lines, 100, func(c *tcp.Conn, line []byte) {
				answered++
				c.Write(make([]byte, answer))
				most = max(most, c.Buffered())
			}))
		})
		got := 0
		peer.OnRead = func(_ *tcp.Conn, p []byte) { got += len(p) }
		r.no(peer.PauseRead())
		peer.WriteString(strings.Repeat("GET\n", n))
		r.until("it is paused", c.Paused)
		r.pass(time.Second)
		if answered == n {
			r.Error("nothing was held back")
		}
		r.no(peer.ResumeRead())
		r.until("all is answered", func() bool { return got == n*answer })
		if most > limit+answer {
			r.Errorf("%d bytes were queued", most)
		}
	})
}

// fn gives the connection to others, and what is behind its token goes along.
func TestTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		take func(r *rig, c *tcp.Conn, got *[]string)
		want string
	}{
		"OnRead": {func(r *rig, c *tcp.Conn, got *[]string) {
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if string(p) != "b\nc!d!" {
					c.Unread(p)
					return
				}
				*got = append(*got, string(p))
			}
		}, "a|UP|b\nc!d!"},
		"Split": {func(r *rig, c *tcp.Conn, got *[]string) {
			r.no(frame.Split(c, frame.Delimiter("!"), 0, func(_ *tcp.Conn, p []byte) { *got = append(*got, string(p)) }))
		}, "a|UP|b\nc|d"},
		"SplitBy": {func(r *rig, c *tcp.Conn, got *[]string) {
			r.no(frame.SplitBy(c, frame.Length{Size: 1}, 200, func(_ *tcp.Conn, p []byte) { *got = append(*got, string(p)) }))
		}, "a|UP"}, // 'b' bytes follow
		"no OnRead": {func(r *rig, c *tcp.Conn, got *[]string) {
			c.OnRead = nil
			r.lp.Post(func() { r.lines(c, got, func(*tcp.Conn, string) {}) })
		}, "a|UP|b"},
		"Close": {func(r *rig, c *tcp.Conn, _ *[]string) { r.no(c.Close()) }, "a|UP"},
		"Abort": {func(r *rig, c *tcp.Conn, _ *[]string) { r.no(c.Abort()) }, "a|UP"},
	} {
		t.Run(name, func(t *testing.T) {
			worlds(t, func(r *rig) {
				var got []string
				peer, _ := r.pair(nil, func(conn *tcp.Conn) {
					r.lines(conn, &got, func(conn *tcp.Conn, line string) {
						if line == "UP" {
							c.take(r, conn, &got)
						}
					})
				})
				peer.WriteString("a\nUP\nb\nc!d!")
				r.wants(&got, c.want)
			})
		})
	}
}

func TestJoinInAPipeline(t *testing.T) {
	worlds(t, func(r *rig) {
		var got []string
		all := ""
		to, b := r.pair(nil, func(*tcp.Conn) {})
		to.OnRead = func(_ *tcp.Conn, p []byte) { all += string(p) }
		peer, _ := r.pair(nil, func(conn *tcp.Conn) {
			r.lines(conn, &got, func(conn *tcp.Conn, line string) {
				if line == "UP" {
					r.no(stream.Join(conn, b, nil))
				}
			})
		})
		peer.WriteString("a\nUP\nb\nc!d!")
		r.until("it is passed on", func() bool { return all == "b\nc!d!" })
	})
}

// A layer that is started within a piece knows what is behind the token: it is refused, or given that.
func TestStartLayerInAPipeline(t *testing.T) {
	worlds(t, func(r *rig) {
		var got []string
		var early error
		hello := layertest.Greeting{Word: "hello"}
		start := func(c *tcp.Conn, o *stream.LayerOptions) error {
			return c.StartLayer(hello, func(c *tcp.Conn, err error) { r.no(err) }, o)
		}
		peer, _ := r.pair(nil, func(c *tcp.Conn) {
			r.lines(c, &got, func(c *tcp.Conn, line string) {
				if line == "STARTTLS" {
					early = start(c, nil)
					r.no(start(c, &stream.LayerOptions{Early: true}))
				}
			})
		})
		peer.WriteString("a\nSTARTTLS\nhellob\nc\n")
		r.wants(&got, "a|STARTTLS|b|c")
		if !errors.Is(early, stream.ErrEarly) {
			r.Error(early)
		}
	})
}

// The last token ends the splitting: what follows goes to an OnRead that is set then, or nowhere.
func TestFinalToken(t *testing.T) {
	for _, sets := range []bool{true, false} {
		worlds(t, func(r *rig) {
			var got []string
			rest, over := "", false
			peer, _ := r.pair(nil, func(c *tcp.Conn) {
				c.OnClose = func(_ *tcp.Conn, err error) { over = errors.Is(err, io.EOF) }
				r.no(frame.Split(c, func(data []byte, atEOF bool) (int, []byte, error) {
					n, line, err := bufio.ScanLines(data, atEOF)
					if string(line) == "END" {
						err = bufio.ErrFinalToken
					}
					return n, line, err
				}, 0, func(c *tcp.Conn, line []byte) {
					got = append(got, string(line))
					if string(line) == "END" && sets {
						c.OnRead = func(_ *tcp.Conn, p []byte) { rest += string(p) }
					}
				}))
			})
			peer.WriteString("a\nEND\nb\nc\n")
			r.no(peer.CloseWrite())
			r.wants(&got, "a|END")
			r.until("the end", func() bool { return over })
			if want := map[bool]string{true: "b\nc\n"}[sets]; rest != want {
				r.Errorf("the rest is %q, want %q", rest, want)
			}
		})
	}
}

// Tokens that advance nothing end the connection, when there are many.
func TestNoProgress(t *testing.T) {
	r := newRig(t, 1, sim.None())
	tokens := 0
	var reason error
	peer, _ := r.pair(nil, func(c *tcp.Conn) {
		c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
		r.no(frame.Split(c, func([]byte, bool) (int, []byte, error) { return 0, []byte{}, nil }, 0,
			func(*tcp.Conn, []byte) { tokens++ }))
	})
	peer.WriteString("x")
	r.until("it is closed", func() bool { return reason != nil })
	if tokens != 100 || !errors.Is(reason, io.ErrNoProgress) {
		t.Errorf("%d tokens, and %v", tokens, reason)
	}
}

// What was written before an error is sent, and the error says where it was.
func TestErrorComesLast(t *testing.T) {
	worlds(t, func(r *rig) {
		var reason error
		peer, _ := r.pair(nil, func(c *tcp.Conn) {
			c.OnClose = func(_ *tcp.Conn, err error) { reason = err }
			r.no(frame.Split(c, frame.Lines, 10, func(c *tcp.Conn, line []byte) { c.Write(line) }))
		})
		got := ""
		peer.OnRead = func(_ *tcp.Conn, p []byte) { got += string(p) }
		peer.WriteString("first\nsecond\n" + strings.Repeat("x", 50))
		r.until("it is closed", func() bool { return reason != nil && got == "firstsecond" })
		var e *frame.Error
		var op *net.OpError
		if !errors.As(reason, &e) || *e != (frame.Error{Offset: 13, Limit: 10, Err: bufio.ErrTooLong}) ||
			!errors.As(reason, &op) || op.Addr == nil {
			r.Errorf("%v", reason)
		}
	})
}

func TestMisuse(t *testing.T) {
	r := newRig(t, 1, sim.None())
	fn := func(*tcp.Conn, []byte) {}
	_, c := r.pair(nil, func(*tcp.Conn) {})
	for _, err := range []error{
		frame.Split(nil, frame.Lines, 1, fn), frame.Split(c, nil, 1, fn), frame.Split(c, frame.Lines, 1, nil),
		frame.Split(c, frame.Lines, -1, fn),
		frame.SplitBy(nil, frame.Length{}, 1, fn), frame.SplitBy(c, nil, 1, fn), frame.SplitBy(c, frame.Length{}, -1, fn),
	} {
		if !errors.Is(err, os.ErrInvalid) {
			t.Error(err)
		}
	}
	if c.OnRead != nil {
		t.Error("OnRead is set")
	}
	r.no(frame.Split(c, frame.Lines, 2<<20, fn))
	if n := c.ReadLimit(); n != 2<<20 {
		t.Errorf("a read limit of %d", n)
	}
	r.no(frame.Split(c, frame.Lines, 100, fn))
	if n := c.ReadLimit(); n != 2<<20 {
		t.Errorf("then of %d", n)
	}
	r.no(c.Close())
	if err := frame.Split(c, frame.Lines, 1, fn); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A paused connection stays paused, and what is unread already is split.
func TestSplitLater(t *testing.T) {
	worlds(t, func(r *rig) {
		peer, c := r.pair(nil, func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { c.Unread(p) }
		})
		peer.WriteString("a\nb\n")
		r.pass(time.Second)
		r.no(c.PauseRead())
		var got []string
		r.lines(c, &got, func(*tcp.Conn, string) {})
		r.pass(time.Second)
		if len(got) > 0 {
			r.Fatal("a token while paused")
		}
		r.no(c.ResumeRead())
		r.wants(&got, "a|b")
		var more []string
		r.lines(c, &more, func(*tcp.Conn, string) {})
		peer.WriteString("c\nd")
		r.wants(&more, "c")
		var last []string
		r.lines(c, &last, func(*tcp.Conn, string) {})
		peer.WriteString("e\n")
		r.wants(&last, "de")
	})
}

// A panic in fn ends the connection, and nothing is called after it.
func TestPanic(t *testing.T) {
	panics := 0
	r := rigOf(t, loop.Options{
		Poller:  sim.New(1, sim.Config{}).Host("host"),
		OnPanic: func(loop.Handle, any, []byte) { panics++ },
	})
	closed := false
	var got []string
	peer, _ := r.pair(nil, func(c *tcp.Conn) {
		c.OnClose = func(*tcp.Conn, error) { closed = true }
		r.lines(c, &got, func(*tcp.Conn, string) { panic("on purpose") })
	})
	peer.WriteString("a\nb\n")
	r.until("it is closed", func() bool { return closed })
	if panics != 1 || len(got) != 1 {
		t.Errorf("%d panics, lines %q", panics, got)
	}
}
