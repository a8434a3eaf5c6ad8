package protection

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// A duct carries bytes one way in memory, and has room for all of them.
type duct struct {
	mu     sync.Mutex
	filled sync.Cond
	buf    []byte
	closed bool
}

func newDuct() *duct {
	d := &duct{}
	d.filled.L = &d.mu
	return d
}

func (d *duct) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.buf) == 0 {
		if d.closed {
			return 0, io.EOF
		}
		d.filled.Wait()
	}
	n := copy(p, d.buf)
	d.buf = d.buf[n:]
	return n, nil
}

func (d *duct) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.buf = append(d.buf, p...)
	d.filled.Signal()
	return len(p), nil
}

func (d *duct) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.filled.Signal()
}

// An end is the net.Conn of one side.
type end struct {
	in, out *duct

	// Of a server: what it writes goes through capture, too. Once scripted is set it reads
	// the script in pieces of step bytes and then errDry, and its output is kept in said.
	capture  *Capture
	scripted bool
	script   []byte
	step     int
	said     []byte
}

var errDry = errors.New("the script is at its end")

func (e *end) Read(p []byte) (int, error) {
	if !e.scripted {
		return e.in.Read(p)
	}
	if len(e.script) == 0 {
		return 0, errDry
	}
	n := copy(p[:min(len(p), e.step)], e.script)
	e.script = e.script[n:]
	return n, nil
}

func (e *end) Write(p []byte) (int, error) {
	if e.scripted {
		e.said = append(e.said, p...)
		return len(p), nil
	}
	if e.capture != nil {
		before := bytes.Clone(p)
		e.capture.Sent(p)
		if !bytes.Equal(before, p) {
			panic("Sent has changed what is sent")
		}
	}
	return e.out.Write(p)
}

func (e *end) Close() error                     { e.in.Close(); e.out.Close(); return nil }
func (e *end) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (e *end) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (e *end) SetDeadline(time.Time) error      { return nil }
func (e *end) SetReadDeadline(time.Time) error  { return nil }
func (e *end) SetWriteDeadline(time.Time) error { return nil }

// A session is a connection after its handshake: crypto/tls at both ends, and what the capture
// of the server's end has made of it.
type session struct {
	server, client *tls.Conn
	wire, peer     *end
	own            *Records // nil if there can be none
}

var certificate = sync.OnceValue(func() tls.Certificate { return newCertificate("record.test") })

func newCertificate(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"record.test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func serverConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate()}, CurvePreferences: []tls.CurveID{tls.X25519}}
}

func clientConfig() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}, ServerName: "record.test",
		ClientSessionCache: tls.NewLRUClientSessionCache(1), // or it would ask for no ticket
	}
}

// shake shakes hands. watched is what Watch has made.
func shake(t testing.TB, watched *tls.Config, client *tls.Config, find *map[net.Conn]*Capture) *session {
	t.Helper()
	up, down := newDuct(), newDuct()
	s := &session{wire: &end{in: up, out: down, capture: &Capture{}}, peer: &end{in: down, out: up}}
	(*find)[s.wire] = s.wire.capture
	s.server, s.client = tls.Server(s.wire, watched), tls.Client(s.peer, client)
	failed := make(chan error, 1)
	go func() {
		err := s.client.Handshake()
		if err != nil {
			s.peer.Close()
		}
		failed <- err
	}()
	err := s.server.Handshake()
	if err != nil {
		s.wire.Close()
	}
	if cerr := <-failed; err != nil || cerr != nil {
		t.Fatal("handshake: server ", err, ", client ", cerr)
	}
	cs := s.server.ConnectionState()
	s.own = s.wire.capture.Records(&cs)
	return s
}

// connect is shake for Configs that serve one connection.
func connect(t testing.TB, server, client *tls.Config) *session {
	t.Helper()
	find := map[net.Conn]*Capture{}
	return shake(t, Watch(server, func(c net.Conn) *Capture { return find[c] }), client, &find)
}

// An outcome is what became of a stream of records.
type outcome struct {
	data []byte
	end  string // "waits", "close_notify", "remote N", "local N"
}

func (o outcome) String() string { return fmt.Sprintf("%d bytes, then %s", len(o.data), o.end) }

// byStandard has the server's tls.Conn read stream, step bytes at a time. reader opens what
// the server says.
func (s *session) byStandard(t testing.TB, stream []byte, step int, reader half) outcome {
	t.Helper()
	s.wire.scripted, s.wire.script, s.wire.step = true, stream, step
	var o outcome
	buf := make([]byte, 32<<10)
	for {
		n, err := s.server.Read(buf)
		o.data = append(o.data, buf[:n]...)
		if err == nil {
			continue
		}
		a, said := lastAlert(t, s.wire.said, reader)
		var op *net.OpError
		switch {
		case errors.Is(err, errDry):
			o.end = "waits"
		case err == io.EOF:
			o.end = "close_notify"
		case errors.As(err, &op) && op.Op == "remote error":
			o.end = fmt.Sprint("remote ", reflect.ValueOf(op.Err).Uint())
		case said:
			o.end = fmt.Sprint("local ", uint8(a))
			return o
		default:
			t.Fatalf("tls.Conn ends with %v, and says nothing", err)
		}
		if said {
			t.Fatalf("tls.Conn says alert %d and ends with %v", a, err)
		}
		return o
	}
}

// lastAlert opens what a server has said, as its client would, and returns the alert in it.
func lastAlert(t testing.TB, said []byte, reader half) (a tls.AlertError, ok bool) {
	t.Helper()
	for len(said) > 0 {
		n, err := Length(said)
		if err != nil || n > len(said) {
			t.Fatal("the server has said half a record: ", err)
		}
		inner, err := reader.open(bytes.Clone(said[:n]))
		if err != nil {
			t.Fatal("the server has said what cannot be opened: ", err)
		}
		said = said[n:]
		switch last := len(inner) - 1; inner[last] {
		case alertType:
			if len(said) > 0 {
				t.Fatal("something follows an alert")
			}
			a, ok = tls.AlertError(inner[1]), true
		case handshakeType:
			reader.update()
		}
	}
	return a, ok
}

// byRecords has own read stream.
func byRecords(t testing.TB, own *Records, stream []byte, reader half) outcome {
	t.Helper()
	var o outcome
	for {
		if len(stream) < HeaderLen {
			o.end = "waits"
			return o
		}
		n, err := Length(stream)
		if err == nil && n > len(stream) {
			o.end = "waits"
			return o
		}
		if err == nil {
			var data []byte
			data, err = own.Open(bytes.Clone(stream[:n]))
			o.data = append(o.data, data...)
			if err != nil {
				if _, again := own.Open(nil); again != err {
					t.Fatalf("the error was %v and is %v the second time", err, again)
				}
			}
			stream = stream[n:]
		}
		var v *Violation
		var op *net.OpError
		switch {
		case err == nil:
			continue
		case err == io.EOF:
			o.end = "close_notify"
		case errors.As(err, &v):
			if _, said := lastAlert(t, own.SealAlert(nil, v.Alert), reader); !said {
				t.Fatal("no alert was said")
			}
			o.end = fmt.Sprint("local ", uint8(v.Alert))
		case errors.As(err, &op):
			o.end = fmt.Sprint("remote ", uint8(op.Err.(tls.AlertError)))
		default:
			t.Fatal("an error of no kind: ", err)
		}
		return o
	}
}

// early reports whether own has refused a message at its header, which tls.Conn does later.
func early(own *Records) bool {
	return own.have >= messageHeader && !bytes.Equal(own.message[:messageHeader], []byte{updateMsg, 0, 0, 1})
}

// compare has both read stream, and fails where they differ.
func (s *session) compare(t testing.TB, stream []byte, step int) outcome {
	t.Helper()
	reader := s.own.out
	own := byRecords(t, s.own, stream, reader)
	standard := s.byStandard(t, stream, step, reader)
	if !bytes.Equal(own.data, standard.data) {
		t.Fatalf("plaintext differs: own %v, tls.Conn %v", own, standard)
	}
	if early(s.own) && strings.HasPrefix(own.end, "local") {
		if standard.end != "waits" && !strings.HasPrefix(standard.end, "local") {
			t.Fatalf("a message is refused, which tls.Conn takes: own %v, tls.Conn %v", own, standard)
		}
	} else if own.end != standard.end {
		t.Fatalf("the ends differ: own %v, tls.Conn %v", own, standard)
	}
	return own
}
