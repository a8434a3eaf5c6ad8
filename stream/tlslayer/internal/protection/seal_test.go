package protection

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
)

// TestAsInRFC8448 opens and seals the records of its section 3.
func TestAsInRFC8448(t *testing.T) {
	bin := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var client half
	if err := client.set(bin("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")); err != nil {
		t.Fatal(err)
	}
	sealed := bin("1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a62" +
		"92a2977014bd1e3deae63aeebb21694915e4")
	payload := make([]byte, 50)
	for i := range payload {
		payload[i] = byte(i)
	}
	r := &Records{in: client, out: client}
	if got := r.Seal(nil, payload); !bytes.Equal(got, sealed) {
		t.Errorf("sealed is %x", got)
	}
	if got, err := r.Open(sealed); err != nil || !bytes.Equal(got, payload) {
		t.Errorf("opened is %x, %v", got, err)
	}
}

// read has the client read until it has n bytes, or an error.
func read(c *tls.Conn, n int) ([]byte, error) {
	p := make([]byte, n)
	m, err := io.ReadFull(c, p)
	return p[:m], err
}

// TestAlertsArrive has tls.Conn as the client understand alerts.
func TestAlertsArrive(t *testing.T) {
	for _, a := range []tls.AlertError{unexpectedMessage, badRecordMAC, recordOverflow, decodeError, protocolVersion, internalError} {
		s := connect(t, serverConfig(), clientConfig())
		s.wire.out.Write(s.own.SealAlert(s.own.Seal(nil, []byte("before")), a))
		if p, err := read(s.client, 6); string(p) != "before" || err != nil {
			t.Fatal(string(p), err)
		}
		_, err := read(s.client, 1)
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "remote error" || reflect.ValueOf(op.Err).Uint() != uint64(a) {
			t.Errorf("alert %d arrives as %v", a, err)
		}
	}
	s := connect(t, serverConfig(), clientConfig())
	s.wire.out.Write(s.own.SealAlert(nil, CloseNotify))
	if _, err := s.client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("close_notify arrives as %v", err)
	}
	if err := s.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	rec, err := s.wire.record()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.own.Open(rec); err != io.EOF {
		t.Errorf("the client's close_notify is %v", err)
	}
}

// TestKeyUpdateIsAnswered has a client ask three times: it gets one KeyUpdate, before the
// next data and not without.
func TestKeyUpdateIsAnswered(t *testing.T) {
	s := connect(t, serverConfig(), clientConfig())
	f := &forger{half: s.own.in}
	before := s.own.out.secret
	for _, asks := range []byte{1, 1, 1, 0} {
		f.keyUpdate(asks)
		if _, err := s.own.Open(f.last()); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.own.SealAlert(nil, CloseNotify); len(got) != Overhead+2 || s.own.out.secret != before {
		t.Fatal("a KeyUpdate was sent without data")
	}
	s.own.out.seq-- // that alert is not sent
	out := s.own.Seal(nil, []byte("after"))
	if len(out) != UpdateLen+Overhead+5 || s.own.out.secret == before {
		t.Fatalf("%d bytes, want a KeyUpdate and data", len(out))
	}
	s.wire.out.Write(s.own.Seal(out, []byte("wards")))
	if p, err := read(s.client, 10); string(p) != "afterwards" || err != nil {
		t.Fatal(string(p), err)
	}
}

// TestKeysChangeInTime has a key seal as many records as it may, and the client follow.
func TestKeysChangeInTime(t *testing.T) {
	s := connect(t, serverConfig(), clientConfig())
	if s.own.out.left != keyMost-1 {
		t.Fatalf("a key seals %d records more after the ticket, want %d", s.own.out.left, keyMost-1)
	}
	s.own.out.left = 3
	secrets := map[[maxSecret]byte]int{}
	for i := range 8 {
		if i == 5 {
			s.own.out.left = 1
		}
		s.wire.out.Write(s.own.Seal(nil, []byte{byte(i)}))
		secrets[s.own.out.secret]++
	}
	if p, err := read(s.client, 8); !bytes.Equal(p, []byte{0, 1, 2, 3, 4, 5, 6, 7}) || err != nil {
		t.Fatal(p, err)
	}
	if len(secrets) != 3 {
		t.Errorf("%d keys were used, want 3", len(secrets))
	}
	s.own.in.seq = 1<<64 - 1
	if o := byRecords(t, s.own, (&forger{half: s.own.in}).script([]byte{0, 1}), s.own.out); o.end != "local 80" {
		t.Errorf("the last number there is: %v", o)
	}
}

// TestSizes compares the sizes of records with those of tls.Conn.
func TestSizes(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		server := serverConfig()
		server.DynamicRecordSizingDisabled = fixed
		s := connect(t, server, clientConfig())
		const n = 300 << 10
		var own []int
		for left := n; left > 0; {
			m := min(left, s.own.Most())
			before := s.own.sizes
			s.own.Seal(nil, pattern(m))
			if before.bytes >= fullSize && s.own.sizes != before {
				t.Fatal("sizes count on where they need not")
			}
			own = append(own, m)
			left -= m
		}
		s.wire.scripted = true
		if _, err := s.server.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		var standard []int
		for said := s.wire.said; len(said) > 0; {
			m, err := Length(said)
			if err != nil {
				t.Fatal(err)
			}
			standard = append(standard, m-Overhead)
			said = said[m:]
		}
		if !reflect.DeepEqual(own, standard) {
			t.Errorf("fixed %v: own %d, tls.Conn %d", fixed, own, standard)
		}
	}
}

// TestWipe shows that nothing of the secrets is left.
func TestWipe(t *testing.T) {
	s := connect(t, serverConfig(), clientConfig())
	f := &forger{half: s.own.in}
	f.record(dataType, []byte("late"), 0)
	s.own.Wipe()
	for _, h := range []*half{&s.own.in, &s.own.out} {
		if h.aead != nil || h.secret != [maxSecret]byte{} || h.iv != [ivLen]byte{} {
			t.Error("something is left")
		}
	}
	if _, err := s.own.Open(f.stream); err != net.ErrClosed {
		t.Errorf("opening afterwards is %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("too much data was sealed")
		}
	}()
	connect(t, serverConfig(), clientConfig()).own.Seal(nil, make([]byte, MaxPlaintext+1))
}

// TestRecordsAllocateNothing counts, both ways, and looks at the size of Records.
func TestRecordsAllocateNothing(t *testing.T) {
	if size := reflect.TypeFor[Records]().Size(); size > 256 {
		t.Errorf("Records has %d bytes", size)
	}
	for _, n := range []int{1, 64, MaxPlaintext} {
		s := connect(t, serverConfig(), clientConfig())
		f := half(s.own.in)
		data := pattern(n)
		rec := make([]byte, 0, HeaderLen+n+1+tagLen)
		out := make([]byte, 0, UpdateLen+Overhead+n)
		if got := testing.AllocsPerRun(200, func() {
			rec = append(append(append(rec[:0], make([]byte, HeaderLen)...), data...), dataType)
			rec = f.seal(rec)
			got, err := s.own.Open(rec)
			if err != nil || len(got) != n {
				t.Fatal(len(got), err)
			}
			out = s.own.Seal(out[:0], got)
		}); got != 0 {
			t.Errorf("%d bytes: %v allocations a record there and back", n, got)
		}
	}
}

// TestViolation has errors.As find the alert and the header, and the texts are as crypto/tls has them.
func TestViolation(t *testing.T) {
	var a tls.AlertError
	var header tls.RecordHeaderError
	err := violation(badRecordMAC)
	if !errors.As(err, &a) || a != badRecordMAC || errors.As(err, &header) || err.Error() != "local error: tls: bad record MAC" {
		t.Errorf("%v: alert %d", err, a)
	}
	_, err = Length([]byte("HTTP/"))
	if !errors.As(err, &a) || a != protocolVersion || !errors.As(err, &header) || string(header.RecordHeader[:]) != "HTTP/" ||
		err.Error() != "tls: received record with version 5454 when expecting version 303" {
		t.Errorf("%v: alert %d", err, a)
	}
}
