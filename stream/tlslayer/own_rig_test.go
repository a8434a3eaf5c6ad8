package tlslayer

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"example.com/pike/poller"
)

// A channel is the stream below a layer, and the net.Conn of the client at its other end, in
// memory. The test is the poller: nothing happens but in pump.
type channel struct {
	owner   poller.StreamHandler
	started bool
	full    bool // the system takes nothing
	pending [][]byte
	ended   bool // Shutdown or Close was called
	reset   bool
	sent    int // bytes, in all

	mu       sync.Mutex
	changed  sync.Cond
	up, down []byte // to the server, and to the client
	upEnd    bool
	downEnd  bool
}

func newChannel() *channel {
	c := &channel{}
	c.changed.L = &c.mu
	return c
}

func (c *channel) Start()                             { c.started = true }
func (c *channel) Stop()                              { c.started = false }
func (c *channel) Addr() poller.Addr                  { return poller.Addr{} }
func (c *channel) Peer() poller.Addr                  { return poller.Addr{} }
func (c *channel) SetOption(poller.Option, int) error { return nil }
func (c *channel) Option(poller.Option) (int, error)  { return 0, nil }
func (c *channel) SetHandler(h poller.StreamHandler)  { c.owner = h }
func (c *channel) Close()                             { c.Shutdown() }
func (c *channel) Reset()                             { c.reset = true; c.Shutdown() }
func (c *channel) Unsent() (n int)                    { return len(bytes.Join(c.pending, nil)) }
func (c *channel) Shutdown()                          { c.ended = true; c.give(nil, true) }
func (c *channel) Send(bufs [][]byte) (done bool)     { c.pending = bufs; return c.take() }
func (c *channel) TrySend(p []byte) int               { return c.give(p, false) }
func (c *channel) TakesAgain()                        { c.full = false; c.pump() }
func (c *channel) take() bool {
	if c.full {
		return false
	}
	for _, b := range c.pending {
		c.give(b, false)
	}
	c.pending = nil
	return true
}

func (c *channel) give(p []byte, end bool) int {
	if c.full && !end {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent += len(p)
	c.down = append(c.down, p...)
	c.downEnd = c.downEnd || end
	c.changed.Broadcast()
	return len(p)
}

// pump tells the layer what has happened, and reports whether anything had.
func (c *channel) pump() bool {
	if c.pending != nil && c.take() {
		c.owner.Sent(nil)
		return true
	}
	if !c.started {
		return false
	}
	c.mu.Lock()
	p, end := c.up, c.upEnd
	c.up = nil
	c.mu.Unlock()
	switch {
	case len(p) > 0:
		c.owner.Received(p, nil)
	case end:
		c.started = false
		c.mu.Lock()
		c.upEnd = false
		c.mu.Unlock()
		c.owner.Received(nil, io.EOF)
	default:
		return false
	}
	clear(p) // it was the poller's
	return true
}

// otherEnd is the channel as its client has it.
type otherEnd struct{ *channel }

func (c otherEnd) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.down) == 0 {
		if c.downEnd {
			return 0, io.EOF
		}
		c.changed.Wait()
	}
	n := copy(p, c.down)
	c.down = c.down[n:]
	return n, nil
}

func (c otherEnd) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = append(c.up, p...)
	return len(p), nil
}

func (c otherEnd) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upEnd = true
	return nil
}

func (c otherEnd) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c otherEnd) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c otherEnd) SetDeadline(time.Time) error      { return nil }
func (c otherEnd) SetReadDeadline(time.Time) error  { return nil }
func (c otherEnd) SetWriteDeadline(time.Time) error { return nil }

// surroundings are the Env of a channel's layer.
type surroundings struct {
	put   []poller.Flusher
	local map[any]any
}

func (e *surroundings) Defer(f poller.Flusher) { e.put = append(e.put, f) }
func (e *surroundings) Work(func(), func(error)) error {
	panic("the handshakes of these tests run on the loop")
}
func (e *surroundings) Closed() bool { return false }
func (e *surroundings) Local(key any, f func() any) any {
	if e.local[key] == nil {
		e.local[key] = f()
	}
	return e.local[key]
}

func (e *surroundings) flush() bool {
	if len(e.put) == 0 {
		return false
	}
	f := e.put[0]
	e.put = e.put[:copy(e.put, e.put[1:])]
	f.Flush()
	return true
}

// A link is a server's stream, and the client at the other end of its channel.
type link struct {
	*channel
	env       *surroundings
	server    *stream
	client    *tls.Conn
	connected bool
	got       []byte
	err       error // Received's, or Connected's
	each      func(p []byte)
}

func (l *link) Connected(err error) { l.connected, l.err = true, err }
func (l *link) Sent(error)          {}
func (l *link) Closed()             {}
func (l *link) Received(p []byte, err error) {
	if err != nil {
		l.err = err
		return
	}
	if l.each != nil {
		l.each(p)
		return
	}
	l.got = append(l.got, p...)
}

// until has the channel work until done says so.
func (l *link) until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); {
		if l.pump() || l.env.flush() {
			continue
		}
		if time.Since(start) > 60*time.Second {
			t.Fatalf("%s has not happened; %d bytes, error %v", what, len(l.got), l.err)
		}
		time.Sleep(50 * time.Microsecond) // the client works
	}
}

// settled has the channel work until nothing is left to do.
func (l *link) settled() {
	for l.pump() || l.env.flush() {
	}
}

var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// linked is a link after its handshake. Links of one env share what those of one loop share.
func linked(t testing.TB, o Options, env *surroundings, change func(server, client *tls.Config)) *link {
	t.Helper()
	l := newLink(o, env, change)
	l.shake(t)
	l.server.Start()
	return l
}

// newLink is a link before its handshake.
func newLink(o Options, env *surroundings, change func(server, client *tls.Config)) *link {
	o.OnLoop = true
	server := &tls.Config{Certificates: []tls.Certificate{testCertificate()}, DynamicRecordSizingDisabled: true}
	dialing := &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	if change != nil {
		change(server, dialing)
	}
	if env == nil {
		env = &surroundings{local: map[any]any{}}
	}
	l := &link{channel: newChannel(), env: env}
	above, below := Server(server, &o).Wrap(l.channel, l, poller.Place{Env: env})
	l.server, l.owner = above.(*stream), below
	l.client = tls.Client(otherEnd{l.channel}, dialing)
	return l
}

// shake has the handshake run to its end.
func (l *link) shake(t testing.TB) {
	t.Helper()
	shaken := make(chan error, 1)
	go func() { shaken <- l.client.Handshake() }()
	l.until(t, "the handshake", func() bool { return l.connected })
	if err := <-shaken; err != nil || l.err != nil {
		t.Fatal("handshake: client ", err, ", server ", l.err)
	}
}

// read has the client read n bytes.
func (l *link) read(t testing.TB, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(l.client, p)
		done <- err
	}()
	var err error
	l.until(t, "reading", func() bool {
		select {
		case err = <-done:
			return true
		default:
			return false
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
