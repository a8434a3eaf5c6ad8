package stream_test

import (
	"io"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

func TestPipeTakesWhatWasKeptWhilePaused(t *testing.T) {
	r := newRig(t)
	eof, done := false, false
	a, na := r.keeping(nil, func(c *tcp.Conn) { c.OnEOF = func(*tcp.Conn) { eof = true } })
	b, nb := r.peer(nil)
	na.Write([]byte("hello"))
	na.CloseWrite()
	r.until("eof", func() bool { return eof })
	r.no(a.PauseRead())
	r.no(stream.Join(a, b, func(p stream.Joined) { done = true; t.Log(p) }))
	nb.CloseWrite()
	r.rest(200 * time.Millisecond)
	p, err := io.ReadAll(nb)
	r.no(err)
	r.equal("got", string(p), "hello")
	r.rest(1 * time.Second)
	r.equal("done", done, true)
}
