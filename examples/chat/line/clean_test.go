package line

import (
	"bytes"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"hello, world!", "hello, world!"},
		{"Grüße, 世界, שלום, नमस्ते 👍🏽 ❤️", "Grüße, 世界, שלום, नमस्ते 👍🏽 ❤️"},
		{"\x1b[31mred\x1b[0m\x07", "[31mred[0m"},
		{"\x1b]0;title\x07", "]0;title"},
		{"a\x00b\x08c\x7fd\re", "abcde"},
		{"a\u009b31mb\u0085c\u0090d", "a31mbcd"},
		{"a\tb\u2028c\u2029d", "a b c d"},
		{"user\u202Egnp.exe\u202C \u2066x\u2069", "usergnp.exe x"},
		{"a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u200eh\u061ci", "abcdefghi"},
		{"\U000E0041\u3164\u115f\uffa0\u034f", ""},
		{"\u0600\u06dd", "\u0600\u06dd"},
		{"\xff\xc0a\x9b", "\ufffd\ufffda\ufffd"},
		{"", ""},
	} {
		if got := string(Clean(nil, []byte(c.text))); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if got := string(Clean([]byte("> "), []byte("x\x00"))); got != "> x" {
		t.Errorf("appended: %q", got)
	}
}

// FuzzClean holds that what is cleaned is valid UTF-8, has nothing in it that a terminal obeys, and stays as it is when
// cleaned again.
func FuzzClean(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add([]byte("\x1b[2J\u009b\u202e\u2028\xff\xed\xa0\x80"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := Clean(nil, text)
		if !utf8.Valid(got) {
			t.Errorf("%q: %q is not valid UTF-8", text, got)
		}
		for _, r := range string(got) {
			bidi := r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f'
			if unicode.IsControl(r) || bidi || r == '\u2028' || r == '\u2029' || r >= '\u200b' && r <= '\u200d' || r == '\ufeff' {
				t.Errorf("%q: %q has %U", text, got, r)
			}
		}
		if again := Clean(nil, got); !bytes.Equal(again, got) {
			t.Errorf("%q: %q becomes %q", text, got, again)
		}
		if plain := bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0; plain && !bytes.Equal(got, text) {
			t.Errorf("%q: %q", text, got)
		}
	})
}
