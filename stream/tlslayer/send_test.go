package tlslayer

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// An answered is a link that keeps the answers to its owner's Sends.
type answered struct {
	*link
	errs []error
}

func (a *answered) Sent(err error) { a.errs = append(a.errs, err) }

// TestSendAfterShutdown has a Send come after the end, while the system has not taken the close_notify yet. Sent says
// once that it has failed, whether the system takes again before or after the layer's Flush, nothing of it
// follows the close_notify, and the end comes all the same.
func TestSendAfterShutdown(t *testing.T) {
	for name, early := range map[string]bool{"taken before Flush": true, "taken after Flush": false} {
		t.Run(name, func(t *testing.T) {
			inBothWays(t, func(t *testing.T, o Options) {
				l := linked(t, o, nil, nil)
				a := &answered{link: l}
				l.server.SetHandler(a)
				l.full = true
				l.server.Shutdown()
				if l.ended {
					t.Fatal("the end has overtaken close_notify")
				}
				if l.server.Send([][]byte{[]byte("too late")}) {
					t.Fatal("Send after Shutdown is done at once")
				}
				if early {
					l.TakesAgain()
				}
				l.settled()
				if !early {
					l.TakesAgain()
				}
				l.settled()
				if len(a.errs) != 1 || !errors.Is(a.errs[0], syscall.EPIPE) {
					t.Errorf("Sent said %v, want EPIPE once", a.errs)
				}
				if !l.ended {
					t.Error("the stream below was not told to end")
				}
				read := make(chan error, 1)
				go func() {
					p, err := io.ReadAll(l.client)
					if len(p) > 0 {
						t.Errorf("the client read %q", p)
					}
					read <- err
				}()
				select {
				case err := <-read:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(60 * time.Second):
					t.Fatal("the client reads no end")
				}
				if rest := len(l.down); rest > 0 {
					t.Errorf("%d bytes follow the close_notify", rest)
				}
			})
		})
	}
}

// TestSendAfterShutdownInHandshake has the same before the handshake is over.
func TestSendAfterShutdownInHandshake(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		a := &answered{link: newLink(o, nil, nil)}
		a.server.SetHandler(a)
		a.server.Shutdown()
		if a.server.Send([][]byte{[]byte("too late")}) {
			t.Fatal("Send after Shutdown is done at once")
		}
		a.shake(t)
		a.settled()
		if len(a.errs) != 1 || !errors.Is(a.errs[0], syscall.EPIPE) {
			t.Errorf("Sent said %v, want EPIPE once", a.errs)
		}
		if !a.ended {
			t.Error("the stream below was not told to end")
		}
		if p, err := io.ReadAll(a.client); len(p) > 0 || err != nil {
			t.Errorf("the client read %q, %v", p, err)
		}
	})
}
