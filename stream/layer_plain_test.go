package stream_test

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// behindFull is a connection whose system has no room left, and that gets a layer behind a last
// word in plain text. told is why the layer never is ready.
func behindFull(r *rig, word string) (a, b *tcp.Conn, told *error) {
	r.Helper()
	small := &tcp.Options{WriteBuffer: 16 << 10, ReadBuffer: 16 << 10}
	full := func(n int) (a, b *tcp.Conn) {
		a, b = r.pairOf(small, small)
		r.no(b.PauseRead())
		a.Write(make([]byte, n))
		r.pass(time.Second)
		return a, b
	}
	a, b = full(mebibyte)
	room := mebibyte - a.Buffered()
	r.no(a.Abort())
	r.no(b.Abort())
	a, b = full(room)
	r.equal("what waits", a.Buffered(), 0)
	told = new(error)
	a.WriteString(word)
	r.no(a.StartLayer(hello, func(_ *tcp.Conn, err error) { *told = err }))
	return a, b, told
}

// The last plain bytes are counted until the system has them, and as lost if it never has.
func TestPlainBytesBeforeALayerAreCounted(t *testing.T) {
	const word = "220 go ahead\n"
	for name, c := range map[string]struct {
		end    func(a, b *tcp.Conn) error
		queued string // for the layer
		want   error
	}{
		"Close":    {func(a, b *tcp.Conn) error { return a.Close() }, "", net.ErrClosed},
		"CloseNow": {func(a, b *tcp.Conn) error { return a.CloseNow() }, "", stream.ErrAborted},
		"Abort":    {func(a, b *tcp.Conn) error { return a.Abort() }, "queued", stream.ErrAborted},
		"reset":    {func(a, b *tcp.Conn) error { return b.Abort() }, "queued", syscall.ECONNRESET},
		"timeout":  {func(a, b *tcp.Conn) error { return nil }, "", os.ErrDeadlineExceeded},
	} {
		r := newSimRig(t)
		a, b, told := behindFull(r, word)
		a.WriteString(c.queued)
		r.turns(2)
		want := len(word) + len(c.queued)
		r.equal(name+": what waits", a.Buffered(), want)
		var why error
		a.OnClose = func(_ *tcp.Conn, err error) { why = err }
		r.no(c.end(a, b))
		r.until("it is closed", func() bool { return why != nil })
		var loss *stream.LossError
		if !errors.Is(why, c.want) || !errors.As(why, &loss) || loss.Unsent != want {
			t.Errorf("%s: the reason is %v", name, why)
		}
		if *told == nil {
			t.Errorf("%s: the function was not called", name)
		}
		b.Abort()
		r.run()
	}
}

// They come before the layer's, and are counted no more.
func TestPlainBytesComeBeforeALayer(t *testing.T) {
	r := newSimRig(t)
	a, b, _ := behindFull(r, "220 go ahead\n")
	var last []byte
	b.OnRead = func(_ *tcp.Conn, p []byte) { last = append(last, p...) }
	r.no(b.ResumeRead())
	const want = "220 go ahead\nhello"
	r.until("both have come", func() bool { return len(last) > len(want) && string(last[len(last)-len(want):]) == want })
	r.equal("what waits", a.Buffered(), 0)
	r.no(a.Abort())
	r.no(b.Abort())
	r.run()
}
