package stream_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A reader notes what OnRead was called with.
type reader struct {
	calls []string
	end   string // what came behind: "EOF" or a reason
	err   error  // that reason
}

func (d *reader) note(c *tcp.Conn, p []byte) {
	last := ""
	if !c.Readable() {
		last = "." // behind the last
	}
	d.calls = append(d.calls, string(p)+last)
}

// reads has c note what it reads, and do with it what fn does.
func reads(c *tcp.Conn, fn func(c *tcp.Conn, p []byte)) *reader {
	d := new(reader)
	c.OnRead = func(c *tcp.Conn, p []byte) { d.note(c, p); fn(c, p) }
	c.OnClose = func(_ *tcp.Conn, err error) { d.end, d.err = d.end+fmt.Sprint(err), err }
	return d
}

// saw checks what OnRead was called with.
func (d *reader) saw(r *rig, calls ...string) {
	r.Helper()
	if !slices.Equal(d.calls, calls) {
		r.Fatalf("OnRead had %q, want %q", d.calls, calls)
	}
}

// write has c write, and waits until that has been received.
func (r *rig) write(c *tcp.Conn, d *reader, s string) {
	r.Helper()
	c.WriteString(s)
	n := len(d.calls)
	r.until(fmt.Sprintf("%q is read", s), func() bool { return len(d.calls) > n })
}

func all(c *tcp.Conn, p []byte) { c.Unread(p) }

// Unread input comes again, in front of what follows, in one piece; the last call in an OnRead counts.
func TestUnread(t *testing.T) {
	for name, c := range map[string]struct {
		unread func(r *rig, c *tcp.Conn, p []byte)
		second string
	}{
		"all":      {func(r *rig, c *tcp.Conn, p []byte) { r.no(c.Unread(p)) }, "abcde"},
		"a tail":   {func(r *rig, c *tcp.Conn, p []byte) { r.no(c.Unread(p[len(p)-1:])) }, "cde"},
		"nothing":  {func(*rig, *tcp.Conn, []byte) {}, "de"},
		"undone":   {func(r *rig, c *tcp.Conn, p []byte) { r.no(c.Unread(p)); r.no(c.Unread(nil)) }, "de"},
		"no bytes": {func(r *rig, c *tcp.Conn, p []byte) { r.no(c.Unread(p)); r.no(c.Unread(p[len(p):])) }, "de"},
		"the last": {func(r *rig, c *tcp.Conn, p []byte) { r.no(c.Unread(p)); r.no(c.Unread(p[1:])) }, "bcde"},
		"need 0":   {func(r *rig, c *tcp.Conn, p []byte) { r.no(c.Unread(p)); r.no(c.Need(9)); r.no(c.Need(0)) }, "abcde"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, r *rig) {
				peer, server := r.pair()
				d := reads(server, func(server *tcp.Conn, p []byte) { c.unread(r, server, p) })
				r.write(peer, d, "abc")
				r.turns(5)
				r.rest(5 * ms)
				d.saw(r, "abc") // alone it does not come again
				r.write(peer, d, "de")
				d.saw(r, "abc", c.second)
			})
		})
	}
}

// After PauseRead it does not come before ResumeRead, and then it does, although nothing follows.
func TestUnreadWhilePaused(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		d := reads(c, func(c *tcp.Conn, p []byte) {
			r.no(c.Unread(p[1:]))
			r.equal("paused", c.Paused(), false)
			r.no(c.PauseRead())
			r.equal("paused", c.Paused(), true)
		})
		r.write(peer, d, "abc")
		peer.WriteString("d")
		r.rest(5 * ms)
		d.saw(r, "abc")
		r.no(c.ResumeRead())
		d.saw(r, "abc") // not inside of ResumeRead
		r.until("it comes again", func() bool { return len(d.calls) == 2 })
		r.equal("the second", strings.HasPrefix(d.calls[1], "bc"), true)
		for n := 2; n < 4; n++ {
			r.no(c.ResumeRead())
			r.until("it comes again", func() bool { return len(d.calls) > n || d.calls[n-1] == "d" })
		}
	})
}

// A pause that ends in the very OnRead is none, and what was unread for it comes again.
func TestUnreadResumedAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		d := reads(c, func(c *tcp.Conn, p []byte) {
			if len(p) > 1 {
				r.no(c.PauseRead())
				r.no(c.Unread(p[1:]))
				r.no(c.ResumeRead())
			}
		})
		peer.WriteString("abc")
		r.until("all is read", func() bool { return len(d.calls) == 3 })
		d.saw(r, "abc", "bc", "c")
	})
}

// Whoever replaces OnRead has the new one given what the old one has left: in OnRead at once, later with the
// next bytes, or by ResumeRead.
func TestUnreadForAnotherOnRead(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		second := new(reader)
		d := reads(c, func(c *tcp.Conn, p []byte) {
			r.no(c.Unread(p[7:]))
			r.no(c.Need(1000)) // of this function
			c.OnRead = func(c *tcp.Conn, p []byte) { second.note(c, p); c.Unread(p) }
		})
		peer.WriteString("UPGRADEabc")
		r.until("it is upgraded", func() bool { return len(second.calls) > 0 })
		r.rest(5 * ms)
		second.saw(r, "abc")
		d.saw(r, "UPGRADEabc")

		third := new(reader)
		c.OnRead = func(c *tcp.Conn, p []byte) { third.note(c, p); c.Unread(p); c.Need(100) }
		r.rest(5 * ms)
		third.saw(r)
		r.no(c.ResumeRead())
		r.until("ResumeRead", func() bool { return len(third.calls) > 0 })
		third.saw(r, "abc")
		r.no(c.ResumeRead()) // but not without what it needs
		r.rest(5 * ms)
		third.saw(r, "abc")

		fourth := reads(c, all)
		r.write(peer, fourth, "d")
		fourth.saw(r, "abcd")
	})
}

// OnRead that is taken away leaves what was unread to the next one, whenever that comes.
func TestUnreadWithoutOnRead(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		d := reads(c, func(c *tcp.Conn, p []byte) {
			r.no(c.Unread(p[1:]))
			c.OnRead = nil
		})
		r.write(peer, d, "abc")
		r.rest(5 * ms)
		next := reads(c, func(*tcp.Conn, []byte) {})
		r.until("it is read", func() bool { return len(next.calls) > 0 })
		next.saw(r, "bc")
	})
}

// A program that sets a new OnRead each time, and takes nothing, does not keep the loop busy.
func TestUnreadDoesNotSpin(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		calls := 0
		var fresh func() func(*tcp.Conn, []byte)
		fresh = func() func(*tcp.Conn, []byte) {
			return func(c *tcp.Conn, p []byte) { calls++; c.Unread(p); c.OnRead = fresh() }
		}
		c.OnRead = fresh()
		for n := range 3 {
			peer.WriteString("x")
			r.until("it is called", func() bool { return calls > 9*n })
			r.rest(5 * ms)
			r.equal("calls", calls, 9*(n+1))
		}
	})
}

// Need has OnRead wait for so many bytes, or the end.
func TestNeed(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		d := reads(c, func(c *tcp.Conn, p []byte) {
			switch string(p) {
			case "4":
				r.no(c.Unread(p))
				r.no(c.Need(5))
			case "4abcd+":
				r.no(c.Unread(p[5:]))
				r.no(c.Need(3))
			case "+xy":
				r.no(c.Need(2)) // of what comes, as nothing is unread
			}
		})
		r.write(peer, d, "4")
		for _, s := range []string{"a", "bc"} {
			peer.WriteString(s)
			r.rest(5 * ms)
			d.saw(r, "4")
		}
		r.write(peer, d, "d+")
		d.saw(r, "4", "4abcd+")
		r.write(peer, d, "xy")
		peer.WriteString("1")
		r.rest(5 * ms)
		r.write(peer, d, "2")
		d.saw(r, "4", "4abcd+", "+xy", "12")
	})
}

// A pause does not end the wait for what is needed, and with that there ResumeRead is enough.
func TestNeedWhilePaused(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		for need, calls := range map[int][]string{3: {"abc", "abc"}, 4: {"abc"}} {
			peer, c := r.pair()
			d := reads(c, func(c *tcp.Conn, p []byte) {
				r.no(c.Unread(p))
				r.no(c.Need(need))
				c.PauseRead()
			})
			r.write(peer, d, "abc")
			r.no(c.ResumeRead())
			r.rest(5 * ms)
			d.saw(r, calls...)
		}
	})
}

// Unread and Need are refused where they can mean nothing, and what was unread before holds.
func TestUnreadMisuse(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		peer, c := r.pair()
		_, other := r.pair()
		refused := func(err error) {
			r.Helper()
			r.is(err, os.ErrInvalid)
			says := err.Error()
			r.equal("it names the method", strings.Contains(says, "stream.Conn.Unread") || strings.Contains(says, "stream.Conn.Need"), true)
		}
		d := reads(c, func(c *tcp.Conn, p []byte) {
			if len(p) != 3 {
				return
			}
			r.no(c.Unread(p[1:]))
			refused(c.Unread(p[:2]))
			refused(c.Unread(p[:1]))
			refused(c.Unread(bytes.Clone(p)))
			refused(c.Unread(append([]byte("x"), p...)))
			refused(other.Unread(p))
			refused(other.Need(1))
		})
		refused(c.Unread([]byte("x")))
		refused(c.Unread(nil))
		refused(c.Need(1))
		r.write(peer, d, "abc")
		refused(c.Unread(nil))
		refused(c.Need(0))
		r.write(peer, d, "d")
		d.saw(r, "abc", "bcd")

		c.OnRead = func(c *tcp.Conn, p []byte) {
			r.no(c.Unread(p))
			r.no(c.Close())
			r.is(c.Unread(p), net.ErrClosed)
			r.is(c.Need(1), net.ErrClosed)
		}
		peer.WriteString("x")
		r.until("it is closed", func() bool { return d.end == "<nil>" })
	})
}

// What a panic leaves behind is nothing.
func TestUnreadThenPanic(t *testing.T) {
	panics := 0
	r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
	peer, c := r.pair()
	d := reads(c, func(c *tcp.Conn, p []byte) {
		r.no(c.Unread(p))
		panic("on purpose")
	})
	peer.WriteString("abc")
	r.until("it is closed", func() bool { return d.end != "" })
	r.equal("panics", panics, 1)
	d.saw(r, "abc")
	r.equal("memory", stream.Rare(c) && stream.InputOf(c) != nil, false)
	peer, c = r.pair()
	d = reads(c, func(c *tcp.Conn, _ []byte) { c.Need(2) }) // and no tail of the other
	r.write(peer, d, "a")
	r.write(peer, d, "bc")
	d.saw(r, "a", "bc")
}
