package protection

import (
	"bytes"
	"testing"
)

// FuzzOpen has streams read by tls.Conn and by Records: as a program of a forger that
// knows the keys says, or raw bytes.
func FuzzOpen(f *testing.F) {
	for kind := range byte(24) {
		f.Add([]byte{0, 9, kind, 1, 2, 3, 0, 5})
		f.Add([]byte{1, 200, 7, kind, 0, 0, 0, 4, 1, kind, 255, 255, 255, 0, 1})
	}
	f.Add([]byte{23, 17, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 9})
	f.Add(append([]byte{255}, "GET / HTTP/1.1\r\n\r\n"...))
	f.Add([]byte{255, dataType, 3, 3, 0, 0, changeType, 3, 3, 0, 1, 1})
	f.Fuzz(func(t *testing.T, program []byte) {
		s := connect(t, serverConfig(), clientConfig())
		client := &forger{half: s.own.in}
		if len(program) > 0 && program[0] == 255 {
			s.compare(t, bytes.Clone(program[1:]), 7)
			return
		}
		s.compare(t, client.script(program), 1+len(program)*13)
	})
}
