package load

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"time"
)

// The load of TLS polls as the load of plain text does, with a tls.Conn over a socket that never waits. An error that is
// temporary ends no tls.Conn once it has shaken hands, so Read says "not now" by one.

func tlsConfig() *tls.Config {
	return &tls.Config{
		// The server makes its certificate when it starts, and nothing secret is sent.
		InsecureSkipVerify:          true,
		MinVersion:                  tls.VersionTLS13,
		DynamicRecordSizingDisabled: true,
	}
}

// A wire is a socket as tls.Conn wants it. It spins until the handshake is over, and where the system has no room.
type wire struct {
	net.Conn // what tls.Conn does not call
	fd       int32
	shaken   bool
}

// A nothing is the error of a Read for which nothing has arrived.
type nothing struct{}

var errNothing net.Error = nothing{}

func (nothing) Error() string   { return "nothing has arrived" }
func (nothing) Timeout() bool   { return false }
func (nothing) Temporary() bool { return true }

func (w *wire) Read(p []byte) (int, error) {
	for late := time.Now().Add(stallLimit); ; runtime.Gosched() {
		n, errno := recv(w.fd, p)
		switch {
		case errno == 0 && n == 0:
			return 0, io.EOF
		case errno == 0:
			return n, nil
		case !transient(errno):
			return 0, errno
		}
		if w.shaken {
			return 0, errNothing
		}
		if time.Now().After(late) {
			return 0, errStalled
		}
	}
}

func (w *wire) Write(p []byte) (int, error) {
	for done := 0; ; {
		n, errno := send(w.fd, p[done:])
		if errno != 0 {
			if !transient(errno) {
				return done, errno
			}
			n = 0
		}
		if done += n; done == len(p) {
			return done, nil
		}
	}
}

func shakeHands(fd int32) (*tls.Conn, error) {
	w := &wire{fd: fd}
	c := tls.Client(w, tlsConfig())
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	w.shaken = true
	return c, nil
}
