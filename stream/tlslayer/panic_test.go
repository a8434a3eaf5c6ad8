package tlslayer

import (
	"errors"
	"io"
	"testing"

	"example.com/pike/poller"
)

// A panicker is a link whose owner panics in the upcalls that it is told to.
type panicker struct {
	*link
	connected, received, sent int // how often it is to panic
}

func (p *panicker) Connected(err error) {
	p.link.Connected(err)
	panics(&p.connected)
}

func (p *panicker) Received(b []byte, err error) {
	p.link.Received(b, err)
	panics(&p.received)
}

func (p *panicker) Sent(err error) { panics(&p.sent) }

func panics(n *int) {
	if *n > 0 {
		*n--
		panic("the owner")
	}
}

// settled is that of the link, whatever panics.
func (p *panicker) settled() (panicked int) {
	for again := true; again; {
		func() {
			defer func() {
				if recover() != nil {
					panicked++
				}
			}()
			again = p.pump() || p.env.flush()
		}()
	}
	return panicked
}

// TestOwnerPanics has the owner panic out of Poll. The next one tells what was still to be told, in order, though
// the memory of what had arrived is not the layer's any more.
func TestOwnerPanics(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		l := linked(t, o, nil, nil)
		p := &panicker{link: l, received: 2}
		l.server.SetHandler(p)
		for _, text := range []string{"one ", "two ", "three ", "four"} {
			l.client.Write([]byte(text))
		}
		l.mu.Lock()
		up := l.up
		l.up = nil
		l.mu.Unlock()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			l.owner.Received(up, nil)
		}()
		clear(up)
		l.upEnd = true // cut short
		if n := p.settled(); n != 1 {
			t.Errorf("%d more panics, want 1", n)
		}
		if string(l.got) != "one two three four" || !errors.Is(l.err, io.ErrUnexpectedEOF) {
			t.Errorf("got %q, %v", l.got, l.err)
		}
	})
}

// TestOwnerPanicsWhenConnected has what waited for the handshake be done all the same.
func TestOwnerPanicsWhenConnected(t *testing.T) {
	inBothWays(t, func(t *testing.T, o Options) {
		l := newLink(o, nil, nil)
		p := &panicker{link: l, connected: 1, sent: 1}
		l.server.SetHandler(p)
		var s poller.Stream = l.server
		s.Start()
		if s.Send([][]byte{[]byte("hello")}) {
			t.Fatal("Send before the handshake is done at once")
		}
		s.Shutdown()
		read := make(chan error, 1)
		var text []byte
		go func() {
			var err error
			if _, err = l.client.Write([]byte("a question")); err == nil {
				text, err = io.ReadAll(l.client)
			}
			read <- err
		}()
		panicked := 0
		var err error
		l.until(t, "the end", func() bool {
			panicked += p.settled()
			select {
			case err = <-read:
				return true
			default:
				return false
			}
		})
		p.settled()
		if err != nil || string(text) != "hello" || string(l.got) != "a question" || panicked != 2 {
			t.Errorf("the client read %q, %v, the server %q, and its owner has panicked %d times", text, err, l.got, panicked)
		}
	})
}
