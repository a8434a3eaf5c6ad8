package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// files is a file server as gnet's users write one: it looks at the first line of a request, knows the files
// that it has, reads one for each answer, and writes head and body at once. gnet has no sendfile.
type files struct {
	server
	known map[string]*known
	out   []byte
	date  string
	until time.Time
}

type known struct {
	f    *os.File
	size int
}

func newFiles(root string) *files {
	s := &files{known: map[string]*known{}}
	names, _ := filepath.Glob(filepath.Join(root, "*"))
	for _, name := range names {
		if f, err := os.Open(name); err == nil {
			st, _ := f.Stat()
			s.known["/"+filepath.Base(name)] = &known{f, int(st.Size())}
		}
	}
	return s
}

func (s *files) OnTraffic(c gnet.Conn) gnet.Action {
	for {
		p, _ := c.Peek(-1)
		end := bytes.Index(p, []byte("\r\n\r\n"))
		if end < 0 {
			return gnet.None
		}
		first := bytes.SplitN(p[:end], []byte(" "), 3)
		if len(first) < 3 || string(first[0]) != "GET" {
			return gnet.Close
		}
		k := s.known[string(first[1])]
		c.Discard(end + 4)
		if k == nil {
			c.Write([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
			continue
		}
		if now := time.Now(); now.After(s.until) {
			s.date, s.until = now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), now.Truncate(time.Second).Add(time.Second)
		}
		const head = "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
		s.out = fmt.Appendf(s.out[:0], head, s.date, k.size)
		n := len(s.out)
		s.out = append(s.out, make([]byte, k.size)...)
		if _, err := k.f.ReadAt(s.out[n:], 0); err != nil {
			return gnet.Close
		}
		c.Write(s.out)
	}
}
