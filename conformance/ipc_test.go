package conformance

import (
	"errors"
	"os"

	"example.com/pike/stream"
	"example.com/pike/tcp"
)

var _ = add(line{id: "P49", name: "no handles over TCP", run: onStreams(handlesOverTCP)})

// uv_write2 on what is no ipc pipe is UV_EINVAL. Here it is said what it is about.
func handlesOverTCP(s *streams) {
	a, b := s.pair(nil)
	null, err := os.Open(os.DevNull)
	s.no(err)
	defer null.Close()
	s.is(stream.WriteFiles(a, []byte("x"), null), errors.ErrUnsupported)
	s.is(stream.OnPassed(b, func(*tcp.Conn, []*stream.Passed) {}), errors.ErrUnsupported)
	s.is(stream.WriteConn(a, []byte("x"), b), errors.ErrUnsupported)
	a.Close()
	b.Close()
	s.end()
}
