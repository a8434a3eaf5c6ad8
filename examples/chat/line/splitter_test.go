package line

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// run feeds the pieces to a splitter and writes down what it says.
func run(t testing.TB, limit int, pieces ...[]byte) []string {
	t.Helper()
	s := Splitter{Max: limit}
	var got []string
	for _, p := range pieces {
		p = bytes.Clone(p)
		for rest := p; len(rest) > 0; {
			var kind Kind
			var line []byte
			before := len(rest)
			kind, line, rest = s.Next(rest)
			if len(rest) >= before {
				t.Fatal("Next took nothing")
			}
			switch kind {
			case Whole:
				got = append(got, "line "+string(line))
			case TooLong:
				got = append(got, "too long")
			}
			if len(s.begun) > limit+1 {
				t.Fatalf("keeps %d bytes", len(s.begun))
			}
		}
		for i := range p { // the loop's memory is overwritten after each callback
			p[i] = '#'
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

func TestSplitterKeepsNothingIdle(t *testing.T) {
	s := Splitter{Max: 4096}
	for _, p := range []string{"beginning", " end\n", strings.Repeat("x", 4097), "tail"} {
		s.Next([]byte(p))
	}
	if s.begun != nil {
		t.Errorf("keeps %d bytes", cap(s.begun))
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
