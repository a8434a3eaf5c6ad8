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
)

// brief are the flags of a short run on a server that is nobody's process.
func brief(addr string, more ...string) []string {
	return append([]string{"-addr", addr, "-warm", "10ms", "-measure", "50ms"}, more...)
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
	good, bad := newRoom(), newRoom()
	for _, c := range []struct {
		kind   string
		args   []string
		server func(net.Conn)
		want   string // in the error; "" is none
	}{
		{"tcp-churn", []string{"-conns", "3"}, func(c net.Conn) { io.Copy(c, c) }, ""},
		{"tcp-churn", []string{"-conns", "3"}, func(c net.Conn) { io.ReadFull(c, make([]byte, 8)); c.Write(make([]byte, 8)) },
			"8 bytes came, not the 8 sent"},
		{"tcp-drain", []string{"-period", "100", "-conns", "2"}, func(c net.Conn) {
			for p := periodic(100, 100_000); ; {
				if _, err := c.Write(p); err != nil {
					return
				}
			}
		}, ""},
		{"tcp-drain", []string{"-period", "100"}, func(c net.Conn) { c.Write(periodic(100, 1000)); c.Write([]byte{99}) },
			"wrong bytes at 1000"},
		{"tcp-drain", []string{"-period", "13", "-burst", "1300"}, func(c net.Conn) { burstServer(c, 1300, 0) }, ""},
		{"tcp-drain", []string{"-period", "13", "-burst", "1300"}, func(c net.Conn) { burstServer(c, 1300, 7) },
			"wrong bytes at 3907"},
		{"tcp-drain", []string{"-period", "13", "-burst", "1300"}, func(c net.Conn) { burstServer(c, 1313, 0) },
			"13 bytes more than a burst"},
		{"tcp-fill", []string{"-conns", "2"}, func(c net.Conn) { countServer(c, 0) }, ""},
		{"tcp-fill", nil, func(c net.Conn) { countServer(c, -1) }, "the server had"},
		{"tcp-broadcast", []string{"-conns", strconv.Itoa(roomSize)}, func(c net.Conn) { good.serve(c, false) }, ""},
		{"tcp-broadcast", []string{"-conns", strconv.Itoa(roomSize)}, func(c net.Conn) { bad.serve(c, true) }, "wrong bytes"},
	} {
		_, err := loads[c.kind](brief(serve(t, c.server), c.args...))
		if said := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: %v, want %q", c.kind, err, c.want)
		}
	}
}
