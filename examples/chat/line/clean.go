package line

import (
	"unicode"
	"unicode/utf8"
)

// Clean returns text without what could do something to a terminal other than show a character, or show nothing where
// something is: control characters and with them all escape sequences (C0, DEL and C1, ECMA-48), marks that change the
// direction of writing or join invisibly (Unicode category Cf), and fillers that have no shape. Tabs and the line
// separators of Unicode become spaces. The result is valid UTF-8; it is appended to dst.
func Clean(dst, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r >= ' ' && r <= '~', shown(r):
			dst = utf8.AppendRune(dst, r) // an invalid byte is U+FFFD by now
		case space(r):
			dst = append(dst, ' ')
		}
		text = text[n:]
	}
	return dst
}

func space(r rune) bool { return r == '\t' || r == '\u2028' || r == '\u2029' }

// shown reports whether a rune takes part in what is seen.
func shown(r rune) bool {
	switch {
	case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point):
		return false
	case unicode.Is(unicode.Cf, r):
		return unicode.Is(unicode.Prepended_Concatenation_Mark, r) // Arabic and Kaithi signs that are format in name only
	}
	return true
}
