package program

import (
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Garbage sends random bytes to a TCP server, from several connections at once. They
// end in every way. It takes a moment, or as long as the environment says
// (PIKE_SOAK=5m). The caller then checks that the server works as before.
func Garbage(t *testing.T, network, addr string) {
	t.Helper()
	long := 300 * time.Millisecond
	if text := os.Getenv("PIKE_SOAK"); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatal("PIKE_SOAK: ", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			for end := time.Now().Add(long); time.Now().Before(end); {
				c, err := net.DialTimeout(network, addr, Patience)
				if err != nil {
					t.Errorf("the server does not take connections any more: %v", err)
					return
				}
				pester(c, r)
			}
		})
	}
	done.Wait()
}

// pester sends the garbage of one connection. Some of it has lines and words of
// commands, so that it gets further into the server.
func pester(c net.Conn, r *rand.Rand) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Millisecond))
	words := []string{"\n", "\r\n", "/", "GET / HTTP/1.1\r\n\r\n", "/nick ", "/join #", "\x00", "\xff\xfe", "\x1b[2J", "\u202e"}
	for range r.IntN(20) {
		b := make([]byte, r.IntN(1<<r.IntN(15)))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		b = append(b, words[r.IntN(len(words))]...)
		if _, err := c.Write(b); err != nil {
			return
		}
	}
	tc, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	switch r.IntN(3) {
	case 0:
		tc.SetLinger(0)
	case 1:
		tc.CloseWrite()
		tc.Read(make([]byte, 100))
	}
}
