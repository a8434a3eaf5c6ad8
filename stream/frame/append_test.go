package frame_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"example.com/pike/stream/frame"
)

// lengths are all kinds of Length.
func lengths() (all []frame.Length) {
	for _, size := range []int{0, 1, 2, 4, 8} {
		for _, order := range []binary.ByteOrder{nil, binary.LittleEndian, binary.BigEndian} {
			all = append(all, frame.Length{Size: size, Order: order}, frame.Length{Size: size, Order: order, Inclusive: true})
		}
	}
	return all
}

// What AppendLength takes Split gives back, whatever the kind and the size; and a part of it is no frame.
func TestAppendLength(t *testing.T) {
	for _, l := range lengths() {
		for _, n := range []int{
			0, 1, 125, 126, 127, 128, 246, 247, 254, 255, 256, 16382, 16383, 16384, 65533, 65534, 65535, 65536, 100_000,
		} {
			body := bytes.Repeat([]byte{7}, n)
			p, err := frame.AppendLength([]byte("before"), l, body)
			most := math.MaxInt
			if l.Size == 1 || l.Size == 2 {
				if most = 1<<(8*l.Size) - 1; l.Inclusive {
					most -= l.Size
				}
			}
			if n > most {
				if !errors.Is(err, frame.ErrLength) || string(p) != "before" {
					t.Errorf("%+v: %d bytes: %v", l, n, err)
				}
				continue
			}
			if err != nil || !bytes.HasPrefix(p, []byte("before")) {
				t.Fatalf("%+v: %d bytes: %v", l, n, err)
			}
			p = p[len("before"):]
			advance, token, err := l.Split(append(p[:len(p):len(p)], "after"...), false)
			if advance != len(p) || token == nil || !bytes.Equal(token, body) || err != nil {
				t.Errorf("%+v: %d bytes: advance %d, a token of %d, %v", l, n, advance, len(token), err)
			}
			if need := l.Need(p[:max(len(p)-n, 1)]); l.Size > 0 && n > 0 && need != len(p) {
				t.Errorf("%+v: %d bytes need %d", l, len(p), need)
			}
			for _, part := range []int{0, 1, len(p) / 2, len(p) - 1} {
				if part >= len(p) {
					continue
				}
				if advance, token, err := l.Split(p[:part], false); advance != 0 || token != nil || err != nil {
					t.Errorf("%+v: %d of %d bytes: %d, %v", l, part, len(p), advance, err)
				}
				if _, _, err := l.Split(p[:part], true); part > 0 && err != io.ErrUnexpectedEOF || part == 0 && err != nil {
					t.Errorf("%+v: %d of %d bytes are the last: %v", l, part, len(p), err)
				}
			}
		}
	}
}

// Lengths that cannot be are errors, and so are sizes.
func TestInvalidLength(t *testing.T) {
	for name, c := range map[string]struct {
		l    frame.Length
		data string
		want error
	}{
		"less than itself":          {frame.Length{Size: 4, Inclusive: true}, "\x00\x00\x00\x03", frame.ErrLength},
		"less than itself, uvarint": {frame.Length{Inclusive: true}, "\x00", frame.ErrLength},
		"8 bytes":                   {frame.Length{Size: 8}, strings.Repeat("\xff", 8), frame.ErrLength},
		"the largest int":           {frame.Length{Size: 8}, "\x7f" + strings.Repeat("\xff", 7), frame.ErrLength},
		"64 bits":                   {frame.Length{}, strings.Repeat("\xff", 9) + "\x01", frame.ErrLength},
		"more than 64 bits":         {frame.Length{}, strings.Repeat("\xff", 10), frame.ErrLength},
		"3 bytes":                   {frame.Length{Size: 3}, "abc", os.ErrInvalid},
		"less than none":            {frame.Length{Size: -1}, "abc", os.ErrInvalid},
	} {
		if _, token, err := c.l.Split([]byte(c.data), false); token != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if n := c.l.Need([]byte(c.data)); n != 0 {
			t.Errorf("%s: it needs %d", name, n)
		}
	}
	for _, size := range []int{3, -1, 16} {
		if _, err := frame.AppendLength(nil, frame.Length{Size: size}, "x"); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := frame.AppendPrefix(nil, frame.Length{}, -1); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a negative length: %v", err)
	}
}

// What the other half takes Split gives back, as one; and what would be cut in another way it refuses.
func TestAppendLines(t *testing.T) {
	for _, body := range []string{"", "a", "a b", "a\rb", "\r", "a\r", "\n", "a\nb", "a\r\n", "::", ":", "a:", "a::b"} {
		cr, lf := strings.HasSuffix(body, "\r"), strings.Contains(body, "\n")
		for name, c := range map[string]struct {
			made  func(dst []byte) ([]byte, error)
			split bufio.SplitFunc
			fits  bool
		}{
			"line": {func(dst []byte) ([]byte, error) { return frame.AppendLine(dst, body) }, frame.Lines, !cr && !lf},
			"CRLF": {func(dst []byte) ([]byte, error) { return frame.AppendCRLF(dst, []byte(body)) }, frame.Lines, !cr && !lf},
			"delimited": {
				func(dst []byte) ([]byte, error) { return frame.AppendDelimited(dst, "::", body) },
				frame.Delimiter("::"), !strings.HasSuffix(body, ":") && !strings.Contains(body, "::"),
			},
			"none": {func(dst []byte) ([]byte, error) { return frame.AppendDelimited(dst, "", body) }, frame.Lines, false},
		} {
			p, err := c.made([]byte("before"))
			if !c.fits {
				if !errors.Is(err, os.ErrInvalid) || string(p) != "before" {
					t.Errorf("%s: %q: %q, %v", name, body, p, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %q: %v", name, body, err)
				continue
			}
			p = p[len("before"):]
			advance, token, err := c.split(append(p[:len(p):len(p)], "after"...), false)
			if advance != len(p) || string(token) != body || err != nil {
				t.Errorf("%s: %q: advance %d of %d, %q, %v", name, body, advance, len(p), token, err)
			}
		}
	}
}
