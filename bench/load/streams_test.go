package load

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// try runs a load on a server that is nobody's process, and wants the error to have these words, or none for "". On a busy
// machine nothing may happen in a short window, so that a load that has not done what it should has a longer one. serve
// begins a server for each.
func try(load func([]string) (any, error), serve func() (addr string), want string, more ...string) (err error) {
	for window := 50 * time.Millisecond; window < 30*time.Second; window *= 4 {
		_, err = load(append([]string{"-addr", serve(), "-warm", "10ms", "-measure", window.String()}, more...))
		if (err == nil) == (want == "") && strings.Contains(fmt.Sprint(err), want) {
			return nil
		}
	}
	return fmt.Errorf("%v, want %q", err, want)
}

func periodic(period, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i % period * 131 >> 3)
	}
	return p
}

func burstServer(c net.Conn, size, wrong int) {
	p := periodic(13, size)
	for n := 0; ; n++ {
		if _, err := io.ReadFull(c, make([]byte, len(ask))); err != nil {
			return
		}
		if n == 3 && wrong > 0 {
			p[wrong] ^= 1
		}
		c.Write(p)
	}
}

func countServer(c net.Conn, off int64) {
	n, _ := io.Copy(io.Discard, c)
	c.Write(binary.LittleEndian.AppendUint64(nil, uint64(n+off)))
}

// roomSize is how many connections a room waits for.
const roomSize = 5

// room is the connections of a broadcast server, which spoils a message if it is told to.
type room struct {
	sync.Mutex
	members []net.Conn
	full    chan struct{} // closed when all are there; a greeting is for all
}

func newRoom() *room { return &room{full: make(chan struct{})} }

func (r *room) serve(c net.Conn, spoil bool) {
	r.Lock()
	if r.members = append(r.members, c); len(r.members) == roomSize {
		close(r.full)
	}
	r.Unlock()
	<-r.full
	p := make([]byte, 64)
	for n := 0; ; n++ {
		if _, err := io.ReadFull(c, p); err != nil {
			return
		}
		r.Lock()
		for _, m := range r.members {
			if spoil && n == 5 && m == r.members[0] {
				p[60] ^= 1
			}
			m.Write(p)
		}
		r.Unlock()
	}
}

// TestLoads has each load work with a server that does what it should, and notice one that does not.
func TestLoads(t *testing.T) {
	for _, c := range []struct {
		kind   string
		args   []string
		server func(*room, net.Conn)
		want   string // in the error; "" is none
	}{
		{"tcp-churn", []string{"-conns", "3"}, func(_ *room, c net.Conn) { io.Copy(c, c) }, ""},
		{"tcp-churn", []string{"-conns", "3"}, func(_ *room, c net.Conn) { io.ReadFull(c, make([]byte, 8)); c.Write(make([]byte, 8)) },
			"8 bytes came, not the 8 sent"},
		{"tcp-drain", []string{"-period", "100", "-conns", "2"}, func(_ *room, c net.Conn) {
			for p := periodic(100, 100_000); ; {
				if _, err := c.Write(p); err != nil {
					return
				}
			}
		}, ""},
		{"tcp-drain", []string{"-period", "100"}, func(_ *room, c net.Conn) { c.Write(periodic(100, 1000)); c.Write([]byte{99}) },
			"wrong bytes at 1000"},
		{"tcp-drain", []string{"-period", "13", "-burst", "1300"}, func(_ *room, c net.Conn) { burstServer(c, 1300, 0) }, ""},
		{"tcp-drain", []string{"-period", "13", "-burst", "1300"}, func(_ *room, c net.Conn) { burstServer(c, 1300, 7) },
			"wrong bytes at 3907"},
		{"tcp-drain", []string{"-period", "13", "-burst", "1300"}, func(_ *room, c net.Conn) { burstServer(c, 1313, 0) },
			"13 bytes more than a burst"},
		{"tcp-fill", []string{"-conns", "2"}, func(_ *room, c net.Conn) { countServer(c, 0) }, ""},
		{"tcp-fill", nil, func(_ *room, c net.Conn) { countServer(c, -1) }, "the server had"},
		{"tcp-broadcast", []string{"-conns", strconv.Itoa(roomSize)}, func(r *room, c net.Conn) { r.serve(c, false) }, ""},
		{"tcp-broadcast", []string{"-conns", strconv.Itoa(roomSize)}, func(r *room, c net.Conn) { r.serve(c, true) }, "wrong bytes"},
	} {
		start := func() string {
			r := newRoom()
			return serve(t, func(conn net.Conn) { c.server(r, conn) })
		}
		if err := try(loads[c.kind], start, c.want, c.args...); err != nil {
			t.Errorf("%s: %v", c.kind, err)
		}
	}
}
