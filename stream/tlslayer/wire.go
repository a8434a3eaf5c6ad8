package tlslayer

import (
	"io"
	"net"
	"time"

	"example.com/pike/poller"
)

// A wire is the net.Conn that crypto/tls has below it. It belongs to whoever drives
// crypto/tls: a step of the handshake, then the loop, and after NetConn anybody.
type wire struct {
	s     *stream
	hs    *handshake // until it is over
	nc    net.Conn   // once NetConn has handed the connection over
	in    []byte     // what has arrived and was not read yet
	frame frame
	wrote int  // bytes, in all
	cut   bool // crypto/tls was told that the stream has ended, without close_notify
}

// errWait is what Read answers when nothing has arrived. crypto/tls takes no error that is
// Temporary for final (Conn.readRecordOrCCS), but in a handshake: there it is kept for
// good. So the handshake needs a coroutine, and the records do not.
var errWait error = waits{}

type waits struct{}

func (waits) Error() string   { return "nothing has arrived" }
func (waits) Timeout() bool   { return true }
func (waits) Temporary() bool { return true }

// Read gives what has arrived, to the end of a record at most. crypto/tls allocates at each
// read that finds nothing, and its buffer grows with what it is given at once.
func (w *wire) Read(p []byte) (int, error) {
	if w.hs != nil && !w.hs.wait() {
		return 0, net.ErrClosed
	}
	switch {
	case len(w.in) > 0:
		n := w.frame.take(p, w.in)
		w.in = w.in[n:]
		return n, nil
	case w.hs != nil:
		w.cut = true
		return 0, io.EOF
	case w.nc != nil:
		return w.nc.Read(p)
	case w.s.is(wireEnded):
		w.cut = true
		return 0, io.EOF
	}
	return 0, errWait
}

// Write never fails on the loop. crypto/tls changes the key it reads with only after it has
// answered an update of keys (Conn.handleKeyUpdate): if the answer could not be written, the next
// record would be taken for a forged one. What nobody can be told any more is dropped.
func (w *wire) Write(p []byte) (int, error) {
	switch {
	case w.hs != nil:
		w.hs.out = append(w.hs.out, p...)
		if w.hs.capture != nil {
			w.hs.capture.Sent(p)
		}
	case w.nc != nil:
		return w.nc.Write(p)
	default:
		w.wrote += len(p)
		w.s.sealed(p)
	}
	return len(p), nil
}

// Close does nothing on the loop: the stream has its own ways to end.
func (w *wire) Close() error {
	if w.nc != nil {
		return w.nc.Close()
	}
	return nil
}

// A deadline of crypto/tls (Conn.closeNotify sets one) is in real time, and so means
// nothing to a loop.
func (w *wire) SetDeadline(t time.Time) error {
	if w.nc != nil {
		return w.nc.SetDeadline(t)
	}
	return nil
}

func (w *wire) SetReadDeadline(t time.Time) error {
	if w.nc != nil {
		return w.nc.SetReadDeadline(t)
	}
	return nil
}

func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.nc != nil {
		return w.nc.SetWriteDeadline(t)
	}
	return nil
}

// LocalAddr is asked for by functions of the tls.Config (ClientHelloInfo.Conn), beside the
// loop, where the stream below must not be asked.
func (w *wire) LocalAddr() net.Addr {
	switch {
	case w.hs != nil:
		return w.hs.local
	case w.nc != nil:
		return w.nc.LocalAddr()
	}
	return netAddr(w.s.below.Addr())
}

func (w *wire) RemoteAddr() net.Addr {
	switch {
	case w.hs != nil:
		return w.hs.remote
	case w.nc != nil:
		return w.nc.RemoteAddr()
	}
	return netAddr(w.s.below.Peer())
}

func netAddr(a poller.Addr) net.Addr {
	if !a.AddrPort.IsValid() {
		return &net.UnixAddr{Net: "unix", Name: a.Path}
	}
	return net.TCPAddrFromAddrPort(a.AddrPort)
}

// A frame knows where in a stream the present record ends.
type frame struct {
	header [headerLen]byte
	have   uint8  // bytes of header
	left   uint16 // bytes of the body to come
}

// take copies from in to p, to the end of the record at most.
func (f *frame) take(p, in []byte) int {
	n := 0
	if f.have < headerLen {
		n = copy(p, in[:min(len(in), headerLen-int(f.have))])
		copy(f.header[f.have:], in[:n])
		if f.have += uint8(n); f.have < headerLen {
			return n
		}
		f.left = uint16(f.header[3])<<8 | uint16(f.header[4])
	}
	m := copy(p[n:], in[n:min(len(in), n+int(f.left))])
	if f.left -= uint16(m); f.left == 0 {
		f.have = 0
	}
	return n + m
}
