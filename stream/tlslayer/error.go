package tlslayer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"

	"example.com/pike/poller"
)

// An Error is how TLS ended a connection, or did not let it begin.
type Error struct {
	Step string      // "handshake", "read", or "hello" (ParseClientHello)
	Peer poller.Addr // the other end
	Err  error       // the cause, mostly an error of crypto/tls
}

// Error says the step and the cause. The peer is not part of it, as the errors of
// connections have it already.
func (e *Error) Error() string { return "tls " + e.Step + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

var (
	errNoConfig      = fmt.Errorf("the server has no tls.Config: %w", os.ErrInvalid)
	errRenegotiation = fmt.Errorf("a tls.Config with Renegotiation: %w", os.ErrInvalid)
	errTruncated     = fmt.Errorf("the peer has ended without close_notify: %w", io.ErrUnexpectedEOF)
	errHungUp        = fmt.Errorf("the peer has hung up: %w", io.ErrUnexpectedEOF)
	errUnfinished    = errors.New("the handshake has not run to its end")
)

// cause is err in words that help who reads a log.
func cause(err error) error {
	h, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok {
		return err
	}
	h.Conn = nil // the wire is nobody's to use
	if what := plainText(h.RecordHeader[:]); what != "" {
		return fmt.Errorf("the peer speaks plain %s: %w", what, h)
	}
	return h
}

// plainText names the protocol of a peer that does not know of TLS, by its first five bytes.
func plainText(p []byte) string {
	for _, known := range [...]struct{ begin, name string }{
		{"GET /", "HTTP"}, {"HEAD ", "HTTP"}, {"POST ", "HTTP"}, {"PUT /", "HTTP"}, {"OPTIO", "HTTP"},
		{"DELET", "HTTP"}, {"PATCH", "HTTP"}, {"CONNE", "HTTP"}, {"TRACE", "HTTP"}, {"PRI *", "HTTP"},
		{"HTTP/", "HTTP"}, {"SSH-", "SSH"}, {"PROXY", "PROXY protocol"}, {"\r\n\r\n\x00", "PROXY protocol"},
		{"EHLO ", "SMTP"}, {"HELO ", "SMTP"},
	} {
		if bytes.HasPrefix(p, []byte(known.begin)) {
			return known.name
		}
	}
	return ""
}

// A panicked is the panic of a function of the tls.Config, with the stack it was on. It
// goes on where the step was called.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

func (p *panicked) Unwrap() error {
	err, _ := p.value.(error)
	return err
}
