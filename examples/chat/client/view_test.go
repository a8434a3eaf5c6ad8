package client

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// seen is the view of ann, who has seen these lines.
func seen(lines ...string) *view {
	v := new(view)
	before := []string{"* welcome, guest-1; /help lists the commands", "* guest-1 joined #lobby", "* guest-1 is now ann"}
	for _, l := range append(before, lines...) {
		v.note(l)
	}
	return v
}

func TestView(t *testing.T) {
	for name, c := range map[string]struct {
		lines  []string
		people string
		prompt string
	}{
		"joined":      {nil, "ann", "#lobby ann> "},
		"who":         {[]string{"* in #lobby: bob, ann, cid"}, "ann bob cid", "#lobby ann> "},
		"a long list": {[]string{"* in #lobby: bob, ann", "* in #lobby: cid, dan"}, "ann bob cid dan", "#lobby ann> "},
		"others": {
			[]string{"* bob joined #lobby", "* bob is now rob", "* cid joined #lobby", "* rob left #lobby"}, "ann cid", "#lobby ann> ",
		},
		"elsewhere": {[]string{"* bob joined #lobby", "* bob left #den", "* cid joined #den"}, "ann bob", "#lobby ann> "},
		"another":   {[]string{"* bob joined #lobby", "* ann joined #den", "* ann is now eve"}, "eve", "#den eve> "},
		"help":      {[]string{"* /who            who is in the room", "* goodbye", "*", "* in", "* rooms:"}, "ann", "#lobby ann> "},
	} {
		v := seen(c.lines...)
		if got := strings.Join(v.people, " "); got != c.people || v.prompt() != c.prompt {
			t.Errorf("%s: %q, prompt %q, want %q, prompt %q", name, got, v.prompt(), c.people, c.prompt)
		}
	}
	if got := new(view).prompt(); got != "> " {
		t.Errorf("the first prompt is %q", got)
	}
}

func TestComplete(t *testing.T) {
	v := seen("* in #lobby: ann, bob, anton, anna, Bert", "* rooms: #lobby (2), #den (1), #deck (3)")
	for _, c := range []struct{ line, want, choice string }{ // ^ is where the cursor is
		{"^", "^", ""},
		{"bo^", "bob: ^", ""},
		{"BO^", "bob: ^", ""},
		{"b^", "b^", "bob Bert"},
		{"be^ hello", "Bert: ^hello", ""},
		{"an^", "an^", "anton anna"},
		{"ant^", "anton: ^", ""},
		{"hello bo^", "hello bob ^", ""},
		{"hello ^", "hello ^", ""},
		{"x^", "x^", ""},
		{"/w^", "/who ^", ""},
		{"/m^", "/m^", "/msg /me"},
		{"/ms^ bob", "/msg ^bob", ""},
		{"/zz^", "/zz^", ""},
		{"/join ^", "/join #^", "#lobby #den #deck"},
		{"/join #^", "/join #^", "#lobby #den #deck"},
		{"/join l^", "/join #lobby^", ""},
		{"/join #d^", "/join #de^", ""},
		{"/join #de^", "/join #de^", "#den #deck"},
		{"/msg ^", "/msg ^", "bob anton anna Bert"},
		{"/msg bo^", "/msg bob ^", ""},
		{"/help jo^", "/help join ^", ""},
		{"/msg bob #l^", "/msg bob #lobby ^", ""},
		{"é bo^ é", "é bob ^é", ""},
	} {
		before, after, _ := strings.Cut(c.line, "^")
		line, pos, choice := v.complete(before+after, len(before))
		if got := line[:pos] + "^" + line[pos:]; got != c.want || strings.Join(choice, " ") != c.choice {
			t.Errorf("%q becomes %q, or %q; want %q, or %q", c.line, got, choice, c.want, c.choice)
		}
	}
	if want := []string{"ann", "bob", "anton", "anna", "Bert"}; !slices.Equal(v.people, want) {
		t.Errorf("the people are %q now", v.people)
	}
}

// FuzzComplete completes anything at any place: what is behind the cursor stays, but for a space, and a place is one
// between letters.
func FuzzComplete(f *testing.F) {
	f.Add("/join #l", 8)
	f.Add("hello bo there", 8)
	f.Add("/ #", 1)
	f.Add("/msg  ", 6)
	f.Fuzz(func(t *testing.T, line string, pos int) {
		if pos < 0 || pos > len(line) {
			return
		}
		v := seen("* in #lobby: ann, bob, anton", "* rooms: #lobby (2), #den (1)")
		made, at, _ := v.complete(line, pos)
		if at < 0 || at > len(made) || made[at:] != line[pos:] && made[at:] != strings.TrimPrefix(line[pos:], " ") {
			t.Errorf("%q at %d becomes %q at %d", line, pos, made, at)
		}
		if start := strings.LastIndexByte(line[:pos], ' ') + 1; made[:start] != line[:start] {
			t.Errorf("%q at %d becomes %q", line, pos, made)
		}
	})
}

func TestRender(t *testing.T) {
	v := seen("* in #lobby: ann, bob")
	k := &look{now: func() time.Time { return time.Date(2026, 12, 1, 9, 5, 0, 0, time.Local) }}
	for text, want := range map[string]string{
		"[#lobby] bob: hi":           "09:05 bob: hi",
		"[#lobby] bob: [x] a: b -> ": "09:05 bob: [x] a: b -> ",
		"[#den] bob: hi":             "09:05 [#den] bob: hi",
		"[#lobby] * bob waves":       "09:05 * bob waves",
		"[#den] * bob waves":         "09:05 [#den] * bob waves",
		"[bob -> ann] psst":          "09:05 [bob -> ann] psst",
	} {
		m, ok := parse(text)
		if got := k.message(v, m); !ok || got != want {
			t.Errorf("%q is shown as %q, %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "[", "[#lobby]", "[#lobby] x", "[#lobby] * x", "* bob joined #lobby", "! no"} {
		if m, ok := parse(text); ok {
			t.Errorf("%q is the message %+v", text, m)
		}
	}
	k.colours = true
	v.note("* ann joined #den")
	m, _ := parse("[#den] bob: hello Ann, how are you")
	if got := k.message(v, m); !strings.HasPrefix(got, margin) || !strings.HasSuffix(got, "\x1b[1mhello Ann, how are you\x1b[0m") {
		t.Errorf("what was said before to ann is %q", got)
	}
	if m, _ = parse("[#den] bob: annabel, ann_"); strings.Contains(k.message(v, m), "\x1b[1m") {
		t.Error("annabel is taken for ann")
	}
}
