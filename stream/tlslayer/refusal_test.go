package tlslayer_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream/tlslayer"
)

// A fileError is the error of a function of the user's.
type fileError struct{ error }

func (e fileError) Unwrap() error { return e.error }

// TestEndOfAFunctions has an error of a function of the Config be told as it is, though it looks like the peer's end.
func TestEndOfAFunctions(t *testing.T) {
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF} {
			server, client := configs(t)
			server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
				return nil, fileError{fmt.Errorf("read key.pem: %w", cause)}
			}
			s := serve(t, serverOptions(server, o), echo)
			raw := dialPlain(t, s.addr)
			if err := tls.Client(raw, client).Handshake(); err == nil {
				t.Error("the handshake has succeeded")
			}
			raw.Close()
			err := s.end(t)
			if _, ok := errors.AsType[fileError](err); !ok || strings.Contains(err.Error(), "hung up") {
				t.Errorf("the handshake ended with %v, want the error of the function", err)
			}
		}
	})
}

// A lateRefuser is an Executor that may wait, and so is asked beside the loop. It refuses each second job.
type lateRefuser struct{ refuser }

func (*lateRefuser) Waiting() int { return 0 }

// TestExecutorRefusesLate has the refusal come when the coroutine of the handshake waits already. Under the race
// detector this also holds that the two do not write to the same.
func TestExecutorRefusesLate(t *testing.T) {
	server, client := configs(t)
	for range 30 {
		leaveNothing(t, func() {
			s := serveOn(t, loop.Options{Executor: new(lateRefuser)}, serverOptions(server, nil), echo)
			nc := tls.Client(dialPlain(t, s.addr), client)
			nc.Handshake()
			if err := s.end(t); !errors.Is(err, errRefused) {
				t.Fatalf("the handshake ended with %v", err)
			}
			nc.Close()
			s.stop()
		})
	}
}
