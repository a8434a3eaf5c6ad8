package pty

import (
	"slices"
	"testing"
)

func TestScreen(t *testing.T) {
	for name, c := range map[string]struct {
		written string
		want    []string
		x, y    int
	}{
		"text":            {"ab\r\ncd", []string{"ab", "cd"}, 2, 1},
		"a wrap":          {"abcdefghij", []string{"abcdefgh", "ij"}, 2, 1},
		"a full line":     {"abcdefgh", []string{"abcdefgh"}, 7, 0},
		"full, then end":  {"abcdefgh\r\nx", []string{"abcdefgh", "x"}, 1, 1},
		"scrolling":       {"1\r\n2\r\n3\r\n4", []string{"2", "3", "4"}, 1, 2},
		"over it":         {"abc\rx", []string{"xbc"}, 1, 0},
		"erased":          {"abc\r\x1b[K", nil, 0, 0},
		"moves":           {"abc\r\n\x1b[A\x1b[2Cx\x1b[3Dy", []string{"ybx"}, 1, 0},
		"down":            {"a\x1b[Bb", []string{"a", " b"}, 2, 1},
		"cleared":         {"a\r\nb\x1b[2J\x1b[Hc", []string{"c"}, 1, 0},
		"colours":         {"\x1b[31mred\x1b[0m", []string{"red"}, 3, 0},
		"letters of more": {"日é", []string{"日é"}, 2, 0}, // each is one column here
	} {
		s := NewScreen(8, 3)
		for i := range len(c.written) { // piece by piece
			s.Write([]byte(c.written[i : i+1]))
		}
		if x, y := s.Cursor(); !slices.Equal(s.Lines(), c.want) || x != c.x || y != c.y || len(s.Unknown()) > 0 {
			t.Errorf("%s: %q, at %d, %d, and unknown %q; want %q at %d, %d", name, s.Lines(), x, y, s.Unknown(), c.want, c.x, c.y)
		}
	}
	s := NewScreen(8, 3)
	s.Write([]byte("\x07\x1b[5n\x1bc\x1b[?2004h"))
	if want := []string{`'\a'`, "CSI 5 n", `"\x1bc"`}; !slices.Equal(s.Unknown(), want) || !s.Mode("?2004") {
		t.Errorf("%q is unknown, want %q", s.Unknown(), want)
	}
	s.Write([]byte("abcdefgh\r\n2\r\n3"))
	if s.Resize(4, 2); !slices.Equal(s.Lines(), []string{"2", "3"}) {
		t.Errorf("a smaller one shows %q", s.Lines())
	}
}
