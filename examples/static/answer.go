package main

import (
	"bytes"
	"strconv"
	"time"
)

// An extent is a part of a file.
type extent struct{ off, n int64 }

// extentOf is the part of a file of size bytes that a Range field asks for. It is not ok where the field is to be
// ignored: it makes no sense, or asks for several parts, and then the whole file is as good an
// answer (RFC 9110, 14.2). An extent without bytes cannot be had.
func extentOf(field []byte, size int64) (x extent, ok bool) {
	set, ok := bytes.CutPrefix(field, []byte("bytes="))
	if !ok || bytes.IndexByte(set, ',') >= 0 {
		return x, false
	}
	a, b, ok := bytes.Cut(bytes.Trim(set, " \t"), []byte{'-'})
	if !ok {
		return x, false
	}
	first, okA := number(a)
	last, okB := number(b)
	switch {
	case len(a) == 0 && okB: // the last so many
		n := min(last, size)
		return extent{size - n, n}, true
	case !okA || len(b) > 0 && (!okB || last < first):
		return x, false
	case first >= size:
		return x, true
	case len(b) == 0 || last >= size:
		last = size - 1
	}
	return extent{first, last - first + 1}, true
}

func number(p []byte) (n int64, ok bool) {
	for _, b := range p {
		if b < '0' || b > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(p), 10, 64)
	return n, err == nil
}

// decide is which answer q gets of e: 200, 206, 304 or 416, and which part of it (RFC 9110, 13.2.2).
func decide(q *request, e *file) (status int, x extent) {
	switch {
	case q.ifNone != nil:
		if matches(q.ifNone, e.tag) {
			return 304, x
		}
	case q.ifModified != nil && !after(e.modified, q.ifModified, e.date):
		return 304, x
	}
	whole := extent{0, e.size}
	if q.rang == nil || q.head || q.ifRange != nil && string(q.ifRange) != e.tag && string(q.ifRange) != e.date {
		return 200, whole
	}
	x, ok := extentOf(q.rang, e.size)
	switch {
	case !ok:
		return 200, whole
	case x.n == 0:
		return 416, x
	}
	return 206, x
}

// matches reports whether a list of tags has tag, or is a star.
func matches(list []byte, tag string) bool {
	for t := range bytes.SplitSeq(list, []byte{','}) {
		t = bytes.TrimPrefix(bytes.Trim(t, " \t"), []byte("W/"))
		if string(t) == "*" || string(t) == tag {
			return true
		}
	}
	return false
}

// after reports whether t is later than a date, and also where that is none. same is t as most send it.
func after(t time.Time, date []byte, same string) bool {
	if string(date) == same {
		return false
	}
	for _, layout := range []string{timeFormat, time.RFC850, time.ANSIC} {
		if d, err := time.Parse(layout, string(date)); err == nil {
			return t.After(d)
		}
	}
	return true
}

var reasons = map[int]string{
	200: "OK", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified", 400: "Bad Request", 403: "Forbidden",
	404: "Not Found", 405: "Method Not Allowed", 414: "URI Too Long", 416: "Range Not Satisfiable",
	431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
	505: "HTTP Version Not Supported",
}

// begin writes what all answers begin with.
func (s *server) begin(status int, keepAlive, newer bool) []byte {
	b := append(s.scratch[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(append(b, ' '), reasons[status]...), "\r\nDate: "...)
	b = append(b, s.today()...)
	switch {
	case !keepAlive:
		b = append(b, "\r\nConnection: close\r\n"...)
	case !newer:
		b = append(b, "\r\nConnection: keep-alive\r\n"...)
	default:
		b = append(b, "\r\n"...)
	}
	return b
}

// today is the date, which is made once a second.
func (s *server) today() string {
	now := s.lp.Now()
	if s.date == "" || now >= s.dateUntil {
		t := s.wall()
		s.date = t.UTC().Format(timeFormat)
		s.dateUntil = now.Add(t.Truncate(time.Second).Add(time.Second).Sub(t))
	}
	return s.date
}

func appendField(b []byte, name string, value int64) []byte {
	b = append(append(b, name...), ": "...)
	return append(strconv.AppendInt(b, value, 10), "\r\n"...)
}
