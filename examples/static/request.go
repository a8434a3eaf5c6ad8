package main

import (
	"bytes"
	"slices"
)

// headMost is how long the lines of a request may be, all together.
const headMost = 16 << 10

// A request is what matters of a request. Its bytes are those that it was parsed from.
type request struct {
	target     []byte // without the query, and without the host of http://host/path
	head       bool   // its method is HEAD
	keepAlive  bool
	newer      bool // HTTP/1.1 or later, whose clients stay unless they say otherwise
	rang       []byte
	ifRange    []byte
	ifModified []byte
	ifNone     []byte

	hosts    int
	closes   bool // it says close
	allowed  bool // its method is one that we have
	hasBody  bool
	oldStyle bool // it says keep-alive
}

// clone is q in memory of its own.
func (q *request) clone() *request {
	r := *q
	for _, b := range []*[]byte{&r.target, &r.rang, &r.ifRange, &r.ifModified, &r.ifNone} {
		*b = slices.Clone(*b)
	}
	return &r
}

// parse reads the request that p begins with, which has n bytes. If n and status are 0 there is more to come.
// Another status is the answer to what is no request, and the end of the connection: nobody knows
// where the next request begins (RFC 9112, 9.6).
func parse(p []byte, q *request) (n, status int) {
	for n < len(p) && n < 8 && (p[n] == '\r' || p[n] == '\n') { // empty lines before it (RFC 9112, 2.2)
		n++
	}
	line, ok := nextLine(p, &n)
	if !ok {
		return incomplete(p, 414)
	}
	if n > headMost {
		return 0, 414
	}
	*q = request{}
	if status := q.requestLine(line); status != 0 {
		return 0, status
	}
	for {
		line, ok := nextLine(p, &n)
		switch {
		case !ok:
			return incomplete(p, 431)
		case n > headMost:
			return 0, 431
		case len(line) == 0:
			return n, q.verdict()
		}
		if status := q.field(line); status != 0 {
			return 0, status
		}
	}
}

func incomplete(p []byte, tooLong int) (n, status int) {
	if len(p) > headMost {
		return 0, tooLong
	}
	return 0, 0
}

// nextLine is the line that begins at n, which is moved behind it.
func nextLine(p []byte, n *int) (line []byte, ok bool) {
	i := bytes.IndexByte(p[*n:], '\n')
	if i < 0 {
		return nil, false
	}
	line = p[*n : *n+i]
	*n += i + 1
	return bytes.TrimSuffix(line, []byte{'\r'}), true
}

func (q *request) requestLine(line []byte) (status int) {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	target, version, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || !isToken(method) || len(version) != 8 || !bytes.HasPrefix(version, []byte("HTTP/")) || version[6] != '.' {
		return 400
	}
	if version[5] != '1' || version[7] < '0' || version[7] > '9' {
		return 505
	}
	q.newer = version[7] > '0'
	q.head = string(method) == "HEAD"
	q.allowed = q.head || string(method) == "GET"
	if t, ok := bytes.CutPrefix(target, []byte("http://")); ok { // as to a proxy (RFC 9112, 3.2.2)
		if i := bytes.IndexByte(t, '/'); i >= 0 {
			target = t[i:]
		} else {
			target = []byte{'/'}
		}
	}
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		target = target[:i]
	}
	if q.allowed && (len(target) == 0 || target[0] != '/') || bytes.ContainsFunc(target, isControl) {
		return 400
	}
	q.target = target
	return 0
}

// field takes note of a header line. What cannot be a header is refused: others may read it in
// another way, and see two requests where we see one (RFC 9112, 11.2).
func (q *request) field(line []byte) (status int) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !isToken(name) || bytes.IndexByte(value, 0) >= 0 || bytes.IndexByte(value, '\r') >= 0 {
		return 400
	}
	value = bytes.Trim(value, " \t")
	switch len(name) { // most fields are none of ours, and told by their length
	case 4:
		if is(name, "host") {
			q.hosts++
		}
	case 5:
		if is(name, "range") {
			q.rang = value
		}
	case 8:
		if is(name, "if-range") {
			q.ifRange = value
		}
	case 10:
		if is(name, "connection") {
			q.connection(value)
		}
	case 13:
		if is(name, "if-none-match") {
			q.ifNone = value
		}
	case 14:
		if is(name, "content-length") && string(value) != "0" {
			q.hasBody = true
		}
	case 17:
		if is(name, "if-modified-since") {
			q.ifModified = value
		} else if is(name, "transfer-encoding") {
			q.hasBody = true
		}
	}
	return 0
}

func (q *request) connection(value []byte) {
	for option := range bytes.SplitSeq(value, []byte{','}) {
		switch option = bytes.Trim(option, " \t"); {
		case is(option, "close"):
			q.closes = true
		case is(option, "keep-alive"):
			q.oldStyle = true
		}
	}
}

// verdict is what is wrong with a request that is there.
func (q *request) verdict() (status int) {
	q.keepAlive = !q.closes && (q.newer || q.oldStyle)
	switch {
	case q.hosts > 1, q.hosts == 0 && q.newer:
		return 400
	case !q.allowed:
		return 405
	case q.hasBody: // a GET has none (RFC 9110, 9.3.1)
		return 400
	}
	return 0
}

func is(name []byte, lower string) bool { return bytes.EqualFold(name, []byte(lower)) }

func isControl(r rune) bool { return r <= ' ' || r == 0x7f }

// isToken reports whether p is a token (RFC 9110, 5.6.2).
func isToken(p []byte) bool {
	for _, b := range p {
		if !tokens[b] {
			return false
		}
	}
	return len(p) > 0
}

var tokens = func() (t [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[b] = true
	}
	return t
}()
