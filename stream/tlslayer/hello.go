package tlslayer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// MaxClientHello is the most that a ClientHello may take, with the headers of its records, for
// [ParseClientHello]. Those of browsers have some 2,000 bytes.
const MaxClientHello = 64 << 10

const (
	messageLen   = 4  // the type, three bytes of length
	helloRecords = 64 // most clients have one; who sends a byte in each would have all looked at for each

	typeHandshake   = 22
	typeClientHello = 1
)

// ErrIncomplete says that a ClientHello has not arrived wholly.
var ErrIncomplete = errors.New("the ClientHello is incomplete")

var (
	errHelloSize    = fmt.Errorf("the ClientHello has more than %d bytes", MaxClientHello)
	errHelloRecords = fmt.Errorf("the ClientHello has more than %d records", helloRecords)
)

// errSeen ends the handshake that has only read.
var errSeen = errors.New("the ClientHello was read")

// ParseClientHello reads the ClientHello that p begins with, so that a proxy can choose by the
// name (ServerName) or by the protocols (SupportedProtos) where to, and pass on all that it
// has read. It does not terminate TLS, and sends nothing. n is how many bytes the records of the
// ClientHello take, which are 64 at most. h keeps nothing of p, and its Conn is nil.
//
// ErrIncomplete says that more is needed: n is the least that p must have before it is worth
// to ask again, and never more than MaxClientHello. All other errors are an [*Error] without
// a Peer, such as that of a peer that speaks plain HTTP ([tls.RecordHeaderError]). They come as
// soon as the bytes that are there cannot become a ClientHello.
//
// The message itself is parsed by crypto/tls, and so is refused what crypto/tls refuses. What
// it says was written by the client, and nobody has checked it: look the name up among those
// you serve, and never dial it. With Encrypted Client Hello the name is that of the outer one.
// Any goroutine may call it.
func ParseClientHello(p []byte) (h *tls.ClientHelloInfo, n int, err error) {
	n, err = helloEnd(p)
	switch {
	case err != nil:
		return nil, 0, &Error{Step: "hello", Err: cause(err)}
	case n > len(p):
		return nil, n, ErrIncomplete
	}
	cfg := &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		h = info
		return nil, errSeen
	}}
	err = tls.Server(&heard{r: *bytes.NewReader(p[:n])}, cfg).Handshake()
	if h == nil {
		return nil, 0, &Error{Step: "hello", Err: cause(err)}
	}
	h.Conn = nil
	return h, n, nil
}

// helloEnd is where the record ends that has the last byte of the ClientHello. If that is not there,
// it is the end of what must be there to know more. It looks at no more than lengths and types.
func helloEnd(p []byte) (end int, err error) {
	var head []byte // of the message, which may be spread over records
	need, got := messageLen, 0
	for range helloRecords {
		at := end
		if end += headerLen; end > MaxClientHello {
			return 0, errHelloSize
		}
		if len(p) < end {
			return end, nil
		}
		length := int(p[at+3])<<8 | int(p[at+4])
		if p[at] != typeHandshake || p[at+1] != 3 || length == 0 || length > maxPlaintext {
			return 0, tls.RecordHeaderError{
				Msg:          "the record is not of a TLS handshake",
				RecordHeader: [headerLen]byte(p[at:end]),
			}
		}
		if end += length; end > MaxClientHello {
			return 0, errHelloSize
		}
		if here := p[at+headerLen : min(end, len(p))]; len(head) < messageLen {
			head = append(head, here[:min(len(here), messageLen-len(head))]...)
		}
		if len(head) > 0 && head[0] != typeClientHello {
			return 0, fmt.Errorf("the first message is of type %d, and no ClientHello", head[0])
		}
		if len(head) == messageLen {
			need = messageLen + (int(head[1])<<16 | int(head[2])<<8 | int(head[3]))
			if need > MaxClientHello {
				return 0, errHelloSize
			}
		}
		if got += length; got >= need && len(head) == messageLen || len(p) < end {
			return end, nil
		}
	}
	return 0, errHelloRecords
}

// heard is a connection of which some bytes have arrived, and to which nothing can be sent.
type heard struct {
	net.Conn
	r bytes.Reader
}

func (c *heard) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c *heard) Write(p []byte) (int, error) { return len(p), nil }
