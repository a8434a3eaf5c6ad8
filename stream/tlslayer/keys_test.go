package tlslayer_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// A forger is a client of TLS 1.3 that seals its own records: crypto/tls has no call that sends an update of keys, half
// a message or an alert.
type forger struct {
	t      *testing.T
	conn   *tls.Conn // for what it receives
	raw    net.Conn
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// The types of records (RFC 8446, 5.1).
const (
	ofAlert     = 21
	ofHandshake = 22
	ofData      = 23
)

func forge(t *testing.T, addr string, client *tls.Config) *forger {
	t.Helper()
	var log bytes.Buffer
	client = client.Clone()
	client.KeyLogWriter = &log
	client.MinVersion = tls.VersionTLS13
	raw := dialPlain(t, addr)
	no(t, raw.SetReadBuffer(4<<10))
	no(t, raw.SetWriteBuffer(4<<10))
	f := &forger{t: t, conn: tls.Client(raw, client), raw: raw}
	no(t, f.conn.Handshake())
	if suite := f.conn.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("this machine has no fast AES, so that %s was chosen, which the test does not know", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(log.String()) {
		if fields := strings.Fields(line); fields[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(fields[2])
			no(t, err)
			f.rekey(secret)
			return f
		}
	}
	t.Fatal("no secret in the log of keys")
	return nil
}

// expand is HKDF-Expand-Label (RFC 8446, 7.1).
func (f *forger) expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{byte(n >> 8), byte(n), byte(len(label))}, label...)
	b, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
	no(f.t, err)
	return b
}

func (f *forger) rekey(secret []byte) {
	block, err := aes.NewCipher(f.expand(secret, "key", 16))
	no(f.t, err)
	f.aead, err = cipher.NewGCM(block)
	no(f.t, err)
	f.secret, f.iv, f.seq = secret, f.expand(secret, "iv", 12), 0
}

// seal makes a record of b and so much padding.
func (f *forger) seal(kind byte, b []byte, padding int) []byte {
	inner := append(append(bytes.Clone(b), kind), make([]byte, padding)...)
	header := binary.BigEndian.AppendUint16([]byte{ofData, 3, 3}, uint16(len(inner)+16))
	nonce := bytes.Clone(f.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, f.seq) {
		nonce[4+i] ^= b
	}
	f.seq++
	return f.aead.Seal(header, nonce, inner, header)
}

// update makes an update of keys, in as many records as its message has pieces, and goes on with the new one.
func (f *forger) update(ask bool, pieces int) (out []byte) {
	message := []byte{24, 0, 0, 1, 0}
	if ask {
		message[4] = 1
	}
	for n := len(message); pieces > 1; pieces, n = pieces-1, len(message) {
		out = append(out, f.seal(ofHandshake, message[:n/pieces], 0)...)
		message = message[n/pieces:]
	}
	out = append(out, f.seal(ofHandshake, message, 0)...)
	f.rekey(f.expand(f.secret, "traffic upd", sha256.Size))
	return out
}

func (f *forger) write(b []byte) {
	f.t.Helper()
	_, err := f.raw.Write(b)
	no(f.t, err)
}

// answered holds that the echo of want comes back, under whatever keys.
func (f *forger) answered(want string) {
	f.t.Helper()
	got := make([]byte, len(want))
	_, err := io.ReadFull(f.conn, got)
	no(f.t, err)
	if string(got) != want {
		f.t.Fatalf("%q came back, want %q", got, want)
	}
}

// TestKeyUpdates has keys change on both sides, by messages in one piece and in several, with padding, and while
// the server sends.
func TestKeyUpdates(t *testing.T) {
	server, client := configs(t)
	s := serve(t, serverOptions(server, nil), echo)
	f := forge(t, s.addr, client)
	for i, pieces := range []int{1, 2, 5, 1} {
		f.write(f.seal(ofData, []byte("before"), 0))
		f.answered("before")
		f.write(f.update(i%2 == 0, pieces))
		f.write(append(f.seal(ofData, []byte("and"), 100), f.seal(ofData, []byte("after"), 0)...))
		f.answered("andafter")
	}
	f.write(f.seal(ofAlert, []byte{1, 90}, 0)) // user_canceled is to be ignored
	f.write(f.seal(ofData, nil, 0))            // and so is an empty record
	f.write(f.seal(ofData, []byte("still"), 0))
	f.answered("still")
	f.write(f.seal(ofAlert, []byte{1, 0}, 0))
	if _, err := f.conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if err := s.end(t); err != nil && err != io.EOF {
		t.Error(err)
	}
}

// TestKeyUpdateAfterCloseWrite cannot be answered any more, and must still change the key that is read with.
func TestKeyUpdateAfterCloseWrite(t *testing.T) {
	server, client := configs(t)
	var got []byte
	s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) {
		c.CloseWrite()
		c.OnRead = func(c *tcp.Conn, p []byte) { got = append(got, p...) }
	})
	f := forge(t, s.addr, client)
	if _, err := f.conn.Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
	for range 3 {
		f.write(append(f.update(true, 1), f.seal(ofData, []byte("more"), 0)...))
	}
	f.write(f.seal(ofAlert, []byte{1, 0}, 0))
	if err := s.end(t); err != nil && err != io.EOF {
		t.Error(err)
	}
	if string(got) != "moremoremore" {
		t.Errorf("the server read %q", got)
	}
}

// TestKeyUpdateFlood has a peer ask for new keys with each byte, and read nothing. What waits for it has a bound, and
// once it reads, all goes on.
func TestKeyUpdateFlood(t *testing.T) {
	server, client := configs(t)
	conn := make(chan *tcp.Conn, 1)
	read := 0
	o := serverOptions(server, nil)
	o.WriteBuffer, o.ReadBuffer = 4<<10, 64<<10 // with less the system waits for its probes of a window of zero
	s := serve(t, o, func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { read += len(p) }
		conn <- c
	})
	f := forge(t, s.addr, client)
	const n = 8_000
	var flood []byte
	for range n {
		flood = append(append(flood, f.update(true, 1)...), f.seal(ofData, []byte{1}, 0)...)
	}
	flood = append(flood, f.seal(ofAlert, []byte{1, 0}, 0)...)
	var mu sync.Mutex
	done := false
	wrote := make(chan error, 1)
	go func() {
		_, err := f.raw.Write(flood)
		mu.Lock()
		done = true
		mu.Unlock()
		wrote <- err
	}()
	c := <-conn
	waits := func() int {
		n := make(chan int, 1)
		s.lp.Post(func() { n <- c.Layer().Unsent() })
		return <-n
	}
	last, same := -1, 0
	until(t, "the server answers no more", func() bool {
		mu.Lock()
		defer mu.Unlock()
		if now := waits(); now == last && now > 0 {
			same++
		} else {
			last, same = now, 0
		}
		return done || same == 100
	})
	if ownRecords() { // they answer before the next data, once
		if !done || last > 0 {
			t.Errorf("%d bytes wait for a peer that does not read; it could write all: %v", last, done)
		}
	} else if done || last > 160<<10 {
		t.Errorf("%d bytes wait for a peer that does not read; it could write all: %v", last, done)
	}
	no(t, f.raw.(*net.TCPConn).SetReadBuffer(1<<20))
	go io.Copy(io.Discard, f.raw) // crypto/tls would end it: so many updates without data
	no(t, <-wrote)
	if err := s.end(t); err != nil && err != io.EOF {
		t.Error(err)
	}
	if read != n {
		t.Errorf("%d of %d bytes were read", read, n)
	}
}

// TestFatalAlert is an error of the owner's, which has its number.
func TestFatalAlert(t *testing.T) {
	server, client := configs(t)
	s := serve(t, serverOptions(server, nil), echo)
	f := forge(t, s.addr, client)
	f.write(f.seal(ofAlert, []byte{2, 80}, 0))
	err := s.end(t)
	if e, ok := errors.AsType[*tlslayer.Error](err); !ok || e.Step != "read" || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("OnClose got %v", err)
	}
}
