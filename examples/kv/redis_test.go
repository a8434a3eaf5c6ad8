package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// array is a command as clients send it.
func array(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for _, c := range []struct {
		in   string
		args []string
		n    int
		err  string
	}{
		{in: array("GET", "a"), args: []string{"GET", "a"}, n: 20},
		{in: array("SET", "", "\r\n\x00") + "PING", args: []string{"SET", "", "\r\n\x00"}, n: 28},
		{in: "PING\r\nPING\r\n", args: []string{"PING"}, n: 6},
		{in: " set  a b \nget", args: []string{"set", "a", "b"}, n: 11},
		{in: "\r\n", n: 2},
		{in: "*0\r\nPING", n: 4},
		{in: "*2\r\n$3\r\nGET\r\n", args: []string{"GET"}}, // the rest has still to come
		{in: "*2\r\n$3\r\nGE"},
		{in: "PING"},
		{in: "*"},
		{in: "*1\r\n$67108864\r\n"},
		{in: "*1\r\n$67108865\r\n", err: "invalid bulk length"},
		{in: "*1\r\n$536870912\r\n", err: "invalid bulk length"},
		{in: "*1\r\n$-1\r\n", err: "invalid bulk length"},
		{in: "*1\r\n$99999999999999999999\r\n", err: "invalid bulk length"},
		{in: "*1\r\n$\r\n", err: "invalid bulk length"},
		{in: "*1\r\n$1 \r\n", err: "invalid bulk length"},
		{in: "*1048577\r\n", err: "invalid multibulk length"},
		{in: "*-1\r\n", err: "invalid multibulk length"},
		{in: "*x\r\n", err: "invalid multibulk length"},
		{in: "*1\r\n:1\r\n", err: "expected '$', got \":\""},
		{in: "*1\r\n\r\n", err: "expected '$', got \"\""},
		{in: long, err: "too big inline request or count string"},
		{in: "*1" + long, err: "too big inline request or count string"},
		{in: "*1\r\n$1" + long, err: "too big inline request or count string"},
		{in: "POST / HTTP/1.1\r\n", err: "HTTP"},
		{in: "Host: localhost\r\n", err: "HTTP"},
	} {
		args, n, need, err := parse([]byte(c.in), nil)
		var got []string
		for _, arg := range args {
			got = append(got, string(arg))
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != c.err || err == nil && (n != c.n || !slices.Equal(got, c.args)) {
			t.Errorf("%.40q: %q, %d bytes, %q; want %q, %d, %q", c.in, got, n, text, c.args, c.n, c.err)
		}
		if n == 0 && err == nil && need <= len(c.in) {
			t.Errorf("%.40q: needs %d bytes of %d", c.in, need, len(c.in))
		}
	}
}

// Whatever a prefix of the input says about the command that begins there, the whole of it does not
// contradict: neither a command nor an error goes away, and no more is needed than comes.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		array("SET", "a", "b"), array("", ""), "PING\r\n", "*2\r\n$3\r\nabc\r\n$-3\r\n", "*0\r\n", "$1\r\n", "* 1\r\n",
		"*2\n$3\n00000$0\n0000000000", // lines without \r are shorter
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 0 {
			return
		}
		args, n, _, err := parse(p, nil)
		size := 0
		for _, arg := range args {
			size += len(arg)
		}
		if n < 0 || n > len(p) || err == nil && n > 0 && size > n {
			t.Fatalf("%q: %d arguments of %d bytes, in %d", p, len(args), size, n)
		}
		for k := 1; k < len(p); k++ {
			before, m, need, was := parse(p[:k], nil)
			switch {
			case was != nil:
				if err == nil || err.Error() != was.Error() {
					t.Fatalf("%q: %v, after %v for %d bytes", p, err, was, k)
				}
			case m > 0:
				if m != n || !slices.EqualFunc(args, before, bytes.Equal) {
					t.Fatalf("%q: %d bytes and %q, after %d and %q for %d bytes", p, n, args, m, before, k)
				}
			case need <= k || err == nil && n > 0 && need > n:
				t.Fatalf("%q: %d of %d bytes need %d", p, k, n, need)
			}
		}
	})
}
