package protection

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func ends(end string, data int) func(outcome) error {
	return func(o outcome) error {
		if o.end != end || len(o.data) != data {
			return fmt.Errorf("want %d bytes, then %s; got %v", data, end, o)
		}
		return nil
	}
}

// A stream is what a client sends, and what is to become of that.
type stream struct {
	name string
	make func(f *forger)
	want func(outcome) error
}

// put makes a record of n bytes of data.
func put(f *forger, n int) { f.record(dataType, pattern(n), 0) }

// records are of one record that counts, mostly.
var records = []stream{
	{"nothing", func(f *forger) {}, ends("waits", 0)},
	{"data", func(f *forger) { put(f, 1); put(f, MaxPlaintext); put(f, 77) }, ends("waits", 1+MaxPlaintext+77)},
	{"data with padding", func(f *forger) { f.record(dataType, pattern(9), 300); put(f, 2) }, ends("waits", 11)},
	{"as large as can be with padding", func(f *forger) { f.record(dataType, pattern(1000), MaxPlaintext-1000) }, ends("waits", 1000)},
	{"too much padding", func(f *forger) { f.record(dataType, pattern(1000), MaxPlaintext-999) }, ends("local 22", 0)},
	{"too much data", func(f *forger) { put(f, 3); put(f, MaxPlaintext+1) }, ends("local 22", 3)},
	{"a header of too much", func(f *forger) { put(f, 3); f.plain(dataType, make([]byte, maxCiphertext+1)) }, ends("local 22", 3)},
	{"a header of too much, alone", func(f *forger) { f.put([]byte{dataType, 3, 3, 255, 255}) }, ends("local 22", 0)},
	{"a header of as much as can be", func(f *forger) { f.plain(dataType, make([]byte, maxCiphertext)) }, ends("local 20", 0)},
	{"another version", func(f *forger) { put(f, 3); f.typed(dataType, 0x0304, []byte{1, dataType}) }, ends("local 70", 3)},
	{"HTTP", func(f *forger) { f.put([]byte("GET / HTTP/1.1\r\n\r\n")) }, ends("local 70", 0)},
	{"padding alone", func(f *forger) { f.inner(make([]byte, 5)) }, ends("local 10", 0)},
	{"nothing inside", func(f *forger) { f.inner(nil); put(f, 3) }, ends("waits", 3)},
	{"shorter than a tag", func(f *forger) { f.plain(dataType, make([]byte, 15)) }, ends("local 20", 0)},
	{"of no length", func(f *forger) { f.plain(dataType, nil) }, ends("local 20", 0)},
}

// quiet are of records that bring no data, and of alerts.
var quiet = []stream{
	{"16 empty records", func(f *forger) {
		for range 16 {
			put(f, 0)
		}
		put(f, 4)
		for range 16 {
			put(f, 0)
		}
		put(f, 4)
	}, ends("waits", 8)},
	{"17 empty records", func(f *forger) {
		put(f, 4)
		for range 17 {
			put(f, 0)
		}
	}, ends("local 10", 4)},
	{"17 change_cipher_spec", func(f *forger) {
		put(f, 4)
		for range 17 {
			f.plain(changeType, []byte{1})
		}
	}, ends("local 10", 4)},
	{"change_cipher_spec of 2", func(f *forger) { f.plain(changeType, []byte{2}) }, ends("local 50", 0)},
	{"large change_cipher_spec", func(f *forger) { f.plain(changeType, make([]byte, MaxPlaintext+1)) }, ends("local 22", 0)},
	{"sealed change_cipher_spec", func(f *forger) { f.record(changeType, []byte{1}, 0); put(f, 4) }, ends("waits", 4)},
	{"17 user_canceled", func(f *forger) {
		for range 17 {
			f.record(alertType, []byte{1, 90}, 0)
		}
	}, ends("local 10", 0)},
	{"close_notify", func(f *forger) { put(f, 4); f.record(alertType, []byte{1, 0}, 0); put(f, 9) }, ends("close_notify", 4)},
	{"fatal alert", func(f *forger) { put(f, 4); f.record(alertType, []byte{2, 42}, 0); put(f, 9) }, ends("remote 42", 4)},
	{"warning", func(f *forger) { f.record(alertType, []byte{1, 42}, 0) }, ends("remote 42", 0)},
	{"alert that is not sealed", func(f *forger) { f.plain(alertType, []byte{1, 0}) }, ends("local 20", 0)},
	{"alert of 3 bytes", func(f *forger) { f.record(alertType, []byte{1, 0, 0}, 0) }, ends("local 10", 0)},
	{"alert of 0 bytes", func(f *forger) { f.record(alertType, nil, 0) }, ends("local 10", 0)},
	{"sealed rightly as handshake", func(f *forger) { f.typed(handshakeType, 0x0303, []byte{1, dataType}) }, ends("local 10", 0)},
	{"unknown type", func(f *forger) { f.record(99, pattern(4), 0) }, ends("local 10", 0)},
	{"again", func(f *forger) { put(f, 4); f.put(bytes.Clone(f.last())) }, ends("local 20", 4)},
	{"one left out", func(f *forger) { put(f, 4); f.seq++; put(f, 4) }, ends("local 20", 4)},
	{"cut", func(f *forger) { put(f, 4); put(f, 4); f.stream = f.stream[:len(f.stream)-1] }, ends("waits", 4)},
	{"cut in a header", func(f *forger) { put(f, 4); f.put([]byte{dataType, 3}) }, ends("waits", 4)},
}

// messages are of handshake messages.
var messages = []stream{
	{"KeyUpdate", func(f *forger) { put(f, 4); f.keyUpdate(0); put(f, 5); f.keyUpdate(1); put(f, 6) }, ends("waits", 15)},
	{"KeyUpdate, and the old key", func(f *forger) {
		old := f.half
		f.keyUpdate(0)
		old.seq++
		f.half = old
		put(f, 4)
	}, ends("local 20", 0)},
	{"KeyUpdate byte by byte", func(f *forger) {
		for _, b := range []byte{updateMsg, 0, 0, 1, 1} {
			f.record(handshakeType, []byte{b}, 0)
		}
		f.update()
		put(f, 4)
	}, ends("waits", 4)},
	{"data in a KeyUpdate", func(f *forger) { f.record(handshakeType, []byte{updateMsg, 0, 0, 1}, 0); put(f, 4) }, ends("local 10", 0)},
	{"close_notify in a KeyUpdate", func(f *forger) {
		f.record(handshakeType, []byte{updateMsg}, 0)
		f.record(alertType, []byte{1, 0}, 0)
	}, ends("local 10", 0)},
	{"two KeyUpdates in a record", func(f *forger) {
		f.record(handshakeType, []byte{updateMsg, 0, 0, 1, 1, updateMsg, 0, 0, 1, 0}, 0)
	}, ends("local 10", 0)},
	{"KeyUpdate and a byte", func(f *forger) { f.record(handshakeType, []byte{updateMsg, 0, 0, 1, 0, 0}, 0) }, ends("local 10", 0)},
	{"KeyUpdate of 2", func(f *forger) { f.record(handshakeType, []byte{updateMsg, 0, 0, 1, 2}, 0) }, ends("local 50", 0)},
	{"16 KeyUpdates", func(f *forger) {
		for i := range 16 {
			f.keyUpdate(byte(i % 2))
		}
		put(f, 4)
		f.keyUpdate(1)
		put(f, 4)
	}, ends("waits", 8)},
	{"17 KeyUpdates", func(f *forger) {
		put(f, 4)
		for range 17 {
			f.keyUpdate(1)
		}
	}, ends("local 10", 4)},
	{"17 KeyUpdates, the last of 2", func(f *forger) {
		for range 16 {
			f.keyUpdate(1)
		}
		f.record(handshakeType, []byte{updateMsg, 0, 0, 1, 2}, 0)
	}, ends("local 50", 0)},
	{"a mixture of 17", func(f *forger) {
		for range 5 {
			f.keyUpdate(0)
			put(f, 0)
			f.plain(changeType, []byte{1})
		}
		f.record(alertType, []byte{1, 90}, 0)
		f.inner(nil)
	}, ends("local 10", 0)},
	{"empty handshake record", func(f *forger) { f.record(handshakeType, nil, 0) }, ends("local 10", 0)},
	{"KeyUpdate of 0 bytes", func(f *forger) { f.record(handshakeType, []byte{updateMsg, 0, 0, 0}, 0) }, ends("local 50", 0)},
	{"KeyUpdate of 2 bytes", func(f *forger) { f.record(handshakeType, []byte{updateMsg, 0, 0, 2, 0, 0}, 0) }, ends("local 50", 0)},
	{"a message of 64 KiB and a byte", func(f *forger) { f.record(handshakeType, []byte{updateMsg, 1, 0, 1}, 0) }, ends("local 80", 0)},
	{"a certificate", func(f *forger) { f.record(handshakeType, []byte{certificateMsg, 4, 0, 1}, 0) }, ends("local 80", 0)},
	{"Finished", func(f *forger) { f.record(handshakeType, append([]byte{20, 0, 0, 32}, pattern(32)...), 0) }, ends("local 10", 0)},
	{"unknown message", func(f *forger) { f.record(handshakeType, []byte{77, 0, 0, 0}, 0) }, ends("local 10", 0)},
}

// TestSameAsTheStandard has each of these streams read by tls.Conn and by Records.
func TestSameAsTheStandard(t *testing.T) {
	for i, test := range slices.Concat(records, quiet, messages) {
		t.Run(test.name, func(t *testing.T) {
			s := connect(t, serverConfig(), clientConfig())
			f := &forger{half: s.own.in}
			test.make(f)
			if err := test.want(s.compare(t, f.stream, []int{1 << 20, 1, 100}[i%3])); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestRefusedMessages shows that tls.Conn refuses what is refused here at its header, too, and in
// most cases with the same alert.
func TestRefusedMessages(t *testing.T) {
	for kind := range 256 {
		if kind == updateMsg {
			continue
		}
		s := connect(t, serverConfig(), clientConfig())
		f := &forger{half: s.own.in}
		f.record(handshakeType, append([]byte{byte(kind), 0, 0, 4}, pattern(4)...), 0)
		reader := s.own.out
		if own := byRecords(t, s.own, f.stream, reader); own.end != "local 10" {
			t.Errorf("message %d: own %v", kind, own)
		}
		switch standard := s.byStandard(t, f.stream, 1<<20, reader); standard.end {
		case "local 10", "local 50": // 50 where it knows the message and could not parse it
		default:
			t.Errorf("message %d: tls.Conn %v", kind, standard)
		}
	}
}

// TestFlippedBits flips each bit of a record.
func TestFlippedBits(t *testing.T) {
	length := HeaderLen + 3 + 1 + tagLen
	for bit := range length * 8 {
		if testing.Short() && bit%5 != 0 {
			continue
		}
		s := connect(t, serverConfig(), clientConfig())
		f := &forger{half: s.own.in}
		f.record(dataType, pattern(7), 0)
		f.record(dataType, pattern(3), 0)
		f.last()[bit/8] ^= 1 << (bit % 8)
		f.record(dataType, pattern(5), 0)
		if o := s.compare(t, f.stream, 1<<20); len(o.data) != 7 {
			t.Fatalf("bit %d: %v", bit, o)
		}
	}
}

// TestRandomScripts has random streams read by both.
func TestRandomScripts(t *testing.T) {
	n := 400
	if testing.Short() {
		n = 50
	}
	seen := map[string]int{}
	for seed := range n {
		rnd := rand.New(rand.NewPCG(uint64(seed), 15))
		program := make([]byte, 4+rnd.IntN(60))
		for i := range program {
			program[i] = byte(rnd.Uint32())
		}
		if seed%2 == 0 { // many of what is right, so that something comes of it
			for i := 0; i < len(program)-1; i += 3 {
				program[i] = []byte{0, 1, 4, 5}[rnd.IntN(4)]
			}
		}
		s := connect(t, serverConfig(), clientConfig())
		f := &forger{half: s.own.in}
		seen[s.compare(t, f.script(program), 1+rnd.IntN(4000)).end]++
	}
	if !testing.Short() && len(seen) < 6 {
		t.Errorf("these scripts end in too few ways: %v", seen)
	}
}
