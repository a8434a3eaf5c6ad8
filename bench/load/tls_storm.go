package load

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The load beside a storm of handshakes has goroutines, because the storm is not to hold up the echo. They sleep where
// other loads poll, so there is no idle time to report.

// tlsStorm keeps one message under way on each connection and checks every byte that comes back.
type tlsStorm struct {
	clock
	target   Target
	size     int
	conns    []*tls.Conn
	messages atomic.Int64
	answered atomic.Int64 // connections that have answered at least once
	measures atomic.Bool

	mu      sync.Mutex
	latency Histogram
	failed  error
}

func tlsStormMain(args []string) (any, error) {
	e := tlsStorm{}
	var s span
	fs := e.target.flags("tls-storm")
	conns := fs.Int("conns", 100, "`number` of connections, each with one message under way")
	fs.IntVar(&e.size, "size", 64, "`bytes` of a message, at least 8")
	storm := fs.Int("storm", 4, "`number` of clients that shake hands and hang up meanwhile, without end")
	s.flags(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if *conns < 1 || e.size < stampBytes || *storm < 0 {
		return nil, fmt.Errorf("%d connections of %d bytes make no load", *conns, e.size)
	}
	e.begin()
	defer e.close()
	if err := e.connect(*conns); err != nil {
		return nil, err
	}
	for i, c := range e.conns {
		go e.serve(i, c)
	}
	for range *storm {
		go e.shake()
	}
	return e.measure(s)
}

func (e *tlsStorm) connect(n int) error {
	for i := range n {
		c, err := tls.Dial("tcp", e.target.Addr, tlsConfig())
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		e.conns = append(e.conns, c)
	}
	return nil
}

func (e *tlsStorm) close() {
	for _, c := range e.conns {
		c.NetConn().Close()
	}
}

// serve sends messages on a connection until it fails, one when the last has come back.
func (e *tlsStorm) serve(i int, c *tls.Conn) {
	message, answer := make([]byte, e.size), make([]byte, e.size)
	for j := range message {
		message[j] = byte(j * 131 >> 3)
	}
	for seq := 0; ; seq++ {
		binary.LittleEndian.PutUint64(message, uint64(i)<<32|uint64(seq))
		sent := e.read()
		if err := exchange(c, message, answer); err != nil {
			e.fail(fmt.Errorf("connection %d, message %d: %w", i, seq, err))
			return
		}
		if seq == 0 {
			e.answered.Add(1)
		}
		e.messages.Add(1)
		if e.measures.Load() {
			e.mu.Lock()
			e.latency.add(e.read() - sent)
			e.mu.Unlock()
		}
	}
}

func exchange(c io.ReadWriter, message, answer []byte) error {
	if _, err := c.Write(message); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, answer); err != nil {
		return err
	}
	if !bytes.Equal(message, answer) {
		return fmt.Errorf("wrong bytes at %d", differ(answer, message))
	}
	return nil
}

// shake connects and hangs up without end.
func (e *tlsStorm) shake() {
	for {
		c, err := tls.Dial("tcp", e.target.Addr, tlsConfig())
		if err != nil {
			e.fail(fmt.Errorf("the storm: %w", err))
			return
		}
		c.NetConn().(*net.TCPConn).SetLinger(0) // or ports run out
		c.NetConn().Close()
	}
}

func (e *tlsStorm) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failed = cmpError(e.failed, err)
}

// cmpError is the first of two errors.
func cmpError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func (e *tlsStorm) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

// measure warms up until every connection has answered, and then takes a window.
func (e *tlsStorm) measure(s span) (*EchoReport, error) {
	late := e.read() + s.warm + stallLimit
	for end := e.read() + s.warm; e.read() < end || e.answered.Load() < int64(len(e.conns)); {
		if err := e.failure(); err != nil {
			return nil, err
		}
		if e.read() > late {
			return nil, fmt.Errorf("warming up, %d of %d connections have answered: %w", e.answered.Load(), len(e.conns), errStalled)
		}
		time.Sleep(time.Millisecond)
	}
	g := gauge{target: e.target}
	if err := g.open(e.read); err != nil {
		return nil, err
	}
	before := e.messages.Load()
	e.measures.Store(true)
	time.Sleep(s.measure)
	w, err := g.close(e.read)
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Messages = e.messages.Load() - before
	if w.Messages == 0 {
		err = cmpError(err, errSilent)
	}
	return &EchoReport{w, e.latency.Quantile(0.5), e.latency.Quantile(0.99), e.latency.Quantile(0.999)}, cmpError(e.failed, err)
}
