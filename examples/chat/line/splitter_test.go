package line

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// run feeds the pieces to a splitter, as frame.Split does, and writes down what it says.
func run(t testing.TB, limit int, pieces ...[]byte) []string {
	t.Helper()
	s := Splitter{Max: limit}
	var got []string
	var unread []byte
	for _, p := range pieces {
		p = append(unread, p...)
		for len(p) > 0 {
			n, line, err := s.Split(p[:min(len(p), s.Most())], false)
			if err != nil || n < 0 || n > len(p) {
				t.Fatal(n, err)
			}
			if p = p[n:]; n == 0 {
				break
			}
			switch {
			case line != nil && s.TooLong:
				got = append(got, "too long")
			case line != nil:
				got = append(got, "line "+string(line))
			}
		}
		if unread = bytes.Clone(p); len(unread) > limit+1 {
			t.Fatalf("keeps %d bytes", len(unread))
		}
	}
	return got
}

// model says the same of the whole stream at once.
func model(limit int, stream []byte) []string {
	var want []string
	lines := strings.SplitAfter(string(stream), "\n")
	for _, l := range lines {
		text, ended := strings.CutSuffix(l, "\n")
		text = strings.TrimSuffix(text, "\r")
		switch {
		case len(text) > limit:
			want = append(want, "too long")
		case ended:
			want = append(want, "line "+text)
		}
	}
	return want
}

func TestSplitter(t *testing.T) {
	for _, c := range []struct{ stream, want string }{
		{"a\nb\r\n\n\r\nc", "line a|line b|line |line "},
		{"12345\n123456\n1\n", "line 12345|too long|line 1"},
		{"12345\r\n12345\r\r\n12345\r6\n1\n", "line 12345|too long|too long|line 1"},
		{"1234567890", "too long"},
		{"12345\r", ""},
		{"\r\r\n", "line \r"},
		{"", ""},
	} {
		want := fmt.Sprint(strings.Join(model(5, []byte(c.stream)), "|"))
		if want != c.want {
			t.Errorf("%q: the model says %q, not %q", c.stream, want, c.want)
		}
		for cut := range len(c.stream) + 1 {
			got := run(t, 5, []byte(c.stream[:cut]), []byte(c.stream[cut:]))
			if g := strings.Join(got, "|"); g != c.want {
				t.Errorf("%q cut at %d: %q, want %q", c.stream, cut, g, c.want)
			}
		}
	}
}

// FuzzLines compares the splitter with the model, for any input cut anywhere: the second argument is the lengths of
// the pieces.
func FuzzLines(f *testing.F) {
	f.Add([]byte("hello\r\n/who\nlonger than nine\n\r\n"), []byte{3, 1, 9})
	f.Add([]byte("123456789\r\n123456789\r\r\n"), []byte{10})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		const limit = 9
		var pieces [][]byte
		rest := stream
		for _, n := range cuts {
			k := min(int(n), len(rest))
			pieces, rest = append(pieces, rest[:k]), rest[k:]
		}
		pieces = append(pieces, rest)
		if got, want := run(t, limit, pieces...), model(limit, stream); !slices.Equal(got, want) {
			t.Errorf("%q cut into %q:\ngot  %q\nwant %q", stream, pieces, got, want)
		}
	})
}
