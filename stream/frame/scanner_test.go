package frame_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"example.com/pike/poller/sim"
	"example.com/pike/stream/frame"
	"example.com/pike/tcp"
)

var errX = errors.New("an x")

// splits are what is compared with a bufio.Scanner.
var splits = []struct {
	name  string
	split bufio.SplitFunc
}{
	{"Lines", frame.Lines},
	{"ScanLines", bufio.ScanLines},
	{"ScanWords", bufio.ScanWords},
	{"ScanRunes", bufio.ScanRunes},
	{"ScanBytes", bufio.ScanBytes},
	{"Delimiter", frame.Delimiter("\n\n")},
	{"no Delimiter", frame.Delimiter("")},
	{"uvarint", frame.Length{}.Split},
	{"1 byte", frame.Length{Size: 1}.Split},
	{"1 byte, inclusive", frame.Length{Size: 1, Inclusive: true}.Split},
	{"2 bytes", frame.Length{Size: 2, Order: binary.LittleEndian}.Split},
	{"4 bytes", frame.Length{Size: 4}.Split},
	{"8 bytes", frame.Length{Size: 8}.Split},
	{"3 bytes", frame.Length{Size: 3}.Split},
	{"commas", commas},
	{"stop", stop},
	{"x", func(data []byte, atEOF bool) (int, []byte, error) {
		if len(data) > 0 && data[0] == 'x' {
			return 0, nil, errX
		}
		return bufio.ScanBytes(data, atEOF)
	}},
	{"too far", func(data []byte, _ bool) (int, []byte, error) {
		if len(data) > 3 {
			return len(data) + 1, data, nil
		}
		return 0, nil, nil
	}},
	{"back", func(data []byte, _ bool) (int, []byte, error) {
		if len(data) > 3 {
			return -1, data, nil
		}
		return 0, nil, nil
	}},
}

// commas is from the documentation of package bufio: an empty token after the last comma is one.
func commas(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, ','); i >= 0 {
		return i + 1, data[:i], nil
	}
	if !atEOF {
		return 0, nil, nil
	}
	return 0, data, bufio.ErrFinalToken
}

// stop stops early, at a line that is empty.
func stop(data []byte, atEOF bool) (advance int, token []byte, err error) {
	advance, token, err = bufio.ScanLines(data, atEOF)
	if token != nil && len(token) == 0 {
		return advance, nil, bufio.ErrFinalToken
	}
	return advance, token, err
}

// scan is what a Scanner makes of data.
func scan(data []byte, split bufio.SplitFunc, most int) (tokens []string, err error) {
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, most)
	s.Split(split)
	for s.Scan() {
		tokens = append(tokens, s.Text())
	}
	return tokens, s.Err()
}

// A play is how the bytes come, and what the function does.
type play struct {
	cuts   []byte // the lengths of the pieces
	pauses int    // one token in so many pauses reading; 0 is none
	faults sim.Faults
	seed   uint64
}

// A splitting begins to split a connection.
type splitting func(c *tcp.Conn, fn func(*tcp.Conn, []byte)) error

// received is what Split makes of data.
func received(t testing.TB, data []byte, begin splitting, w play) (tokens []string, err error) {
	r := newRig(t, w.seed, w.faults)
	closed := false
	peer, _ := r.pair(nil, func(c *tcp.Conn) {
		c.OnClose = func(_ *tcp.Conn, reason error) { closed, err = true, reason }
		r.no(begin(c, func(c *tcp.Conn, token []byte) {
			if c.Paused() {
				t.Error("a token while paused")
			}
			tokens = append(tokens, string(token))
			if w.pauses > 0 && len(tokens)%w.pauses == 0 {
				r.no(c.PauseRead())
				r.lp.Post(func() { c.ResumeRead() })
			}
		}))
	})
	for _, n := range append(slices.Clip(w.cuts), 255) {
		k := min(int(n), len(data))
		if n == 255 {
			k = len(data)
		}
		peer.Write(data[:k])
		data = data[k:]
		for range 3 {
			r.lp.RunNoWait()
		}
	}
	peer.CloseWrite()
	for i := 0; !closed; i++ {
		if i == 10_000 {
			t.Fatal("it does not end")
		}
		r.pass(time.Millisecond)
	}
	return tokens, err
}

func by(split bufio.SplitFunc, most int) splitting {
	return func(c *tcp.Conn, fn func(*tcp.Conn, []byte)) error { return frame.Split(c, split, most, fn) }
}

// compare checks that a connection's tokens are a Scanner's, and so is the error.
func compare(t testing.TB, name string, data []byte, split bufio.SplitFunc, most int, w play) {
	t.Helper()
	want, wantErr := scan(data, split, most)
	if len(data) == 0 {
		want, wantErr = nil, nil // nobody is asked about nothing at all
	}
	got, err := received(t, data, by(split, most), w)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, at most %d, in %v:\ngot  %q\nwant %q", name, data, most, w.cuts, got, want)
	}
	if wantErr == nil {
		wantErr = io.EOF // which is how the connection ends
	}
	var e *frame.Error
	if !errors.Is(err, wantErr) || wantErr != io.EOF && (!errors.As(err, &e) || e.Limit != most) {
		t.Errorf("%s: %q, at most %d: error %v, want %v", name, data, most, err, wantErr)
	}
}

// Whatever pieces the bytes come in, and whenever reading is paused, the tokens and the error are those of a Scanner.
func TestAsScanner(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for _, c := range splits {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, uint64(len(c.name))))
			for i := range rounds {
				const alphabet = "ab \n\r,é\x00\x01\x02\x03\x04\x05x\xff"
				data := make([]byte, rnd.IntN(200))
				for i := range data {
					if data[i] = alphabet[rnd.IntN(len(alphabet)-1)]; i%2 == 0 {
						data[i] = alphabet[min(rnd.IntN(20), len(alphabet)-2)]
					}
				}
				w := play{seed: uint64(i), pauses: rnd.IntN(4)}
				w.faults = sim.Heavy().Without(sim.Refuse, sim.Reset, sim.Timeout, sim.TooManyOpen, sim.DropUnread)
				for range rnd.IntN(30) {
					w.cuts = append(w.cuts, byte(rnd.IntN(10)))
				}
				compare(t, c.name, data, c.split, 5+rnd.IntN(60), w)
			}
		})
	}
}

// FuzzSplit does that for any bytes, cut anywhere.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("hello\r\nworld\n"), []byte{3, 1, 9}, uint8(0), uint8(60), uint8(0))
	f.Add([]byte("1,2,3,"), []byte{1, 1, 1, 1, 1, 1}, uint8(14), uint8(10), uint8(1))
	f.Add([]byte("\x03abc\x00\x05ab"), []byte{2}, uint8(8), uint8(20), uint8(2))
	f.Fuzz(func(t *testing.T, data, cuts []byte, which, most, pauses uint8) {
		if len(data) > 1000 || len(cuts) > 100 || most == 0 {
			t.Skip()
		}
		c := splits[int(which)%len(splits)]
		compare(t, c.name, data, c.split, int(most), play{cuts: cuts, pauses: int(pauses)})
	})
}

// SplitBy finds what Split finds, and sooner what is too long.
func TestSplitByAsSplit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, l := range []frame.Length{
		{}, {Size: 1}, {Size: 2, Inclusive: true}, {Size: 4, Order: binary.LittleEndian}, {Size: 8}, {Inclusive: true},
	} {
		var data []byte
		var want []string
		for i := range 40 {
			body := bytes.Repeat([]byte{byte(i)}, rnd.IntN(200))
			var err error
			if data, err = frame.AppendLength(data, l, body); err != nil {
				t.Fatal(err)
			}
			want = append(want, string(body))
		}
		sized := func(c *tcp.Conn, fn func(*tcp.Conn, []byte)) error { return frame.SplitBy(c, l, 300, fn) }
		w := play{pauses: 3}
		for range 60 {
			w.cuts = append(w.cuts, byte(rnd.IntN(150)))
		}
		for part, reason := range map[int]error{0: io.EOF, 1: io.ErrUnexpectedEOF} {
			got, err := received(t, append(data[:len(data):len(data)], bytes.Repeat([]byte{9}, part)...), sized, w)
			if !slices.Equal(got, want) || !errors.Is(err, reason) {
				t.Errorf("%+v: %d of %d frames, and %v, want %v", l, len(got), len(want), err, reason)
			}
		}
		long, err := frame.AppendLength(data, l, make([]byte, 240))
		if err != nil {
			t.Fatal(err)
		}
		long = long[:len(long)-239]
		limited := func(c *tcp.Conn, fn func(*tcp.Conn, []byte)) error { return frame.SplitBy(c, l, 230, fn) }
		got, reason := received(t, long, limited, w)
		var e *frame.Error
		if !slices.Equal(got, want) || !errors.Is(reason, bufio.ErrTooLong) || !errors.As(reason, &e) {
			t.Errorf("%+v: %d of %d frames, and %v", l, len(got), len(want), reason)
		} else if e.Offset != int64(len(data)) || e.Limit != 230 {
			t.Errorf("%+v", e)
		} else if text := fmt.Sprintf("frame at byte %d (limit 230): bufio.Scanner: token too long", len(data)); e.Error() != text {
			t.Error(e)
		}
	}
}
