//go:build unix

package system_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/system"
)

// TestPipeContract runs what the contract says of streams over pipes: a poller whose connections are two pipes.
// Sockets serve to make them, and to name their ends, and are closed then.
func TestPipeContract(t *testing.T) {
	pollertest.RunStreams(t, func(t testing.TB) poller.Poller {
		p := opened(t)(system.Open(""))
		piped := &pipePoller{Poller: p, waiting: map[[2]poller.Addr]*ends{}}
		t.Cleanup(piped.drop)
		return piped
	}, noPipe)
}

// noPipe are the clauses that pipes do not keep, and why.
var noPipe = func() map[string]string {
	except := map[string]string{
		"Acker_tells_what_has_arrived":            "what is in a pipe is not lost by a close, and so there is nothing to wait for",
		"Foreteller_tells_of_data_and_of_the_end": "Shutdown closes a descriptor, which is done when the next Poll is over",
		"C4_closed_listener_accepts_no_more":      "it is about listeners, which are sockets here",
	}
	for reason, names := range map[string][]string{
		"nothing resets a pipe": {
			"C2_peer_reset_answers_the_send", "C3_reset_after_data_data_first",
			"C3_reset_is_an_error_not_an_end", "C12_reset_after_the_end",
			"C12_reset_after_the_end_and_a_send_that_waited", "C12_reset_of_a_crowd_after_its_end", "C12_reset_while_stopped",
			"C12_reset_before_the_first_start", "C12_reset_of_a_dialed_stream_that_was_never_started",
			"C12_reset_behind_what_has_arrived", "C12_reset_behind_an_end_that_is_not_received",
			"C12_stopped_in_the_upcall_before_the_reset", "C12_watched_end", "Option_linger_zero_resets",
		},
		"a pipe has no options": {
			"Option_of_streams", "Option_linger_keeps_nobody_waiting", "Options_defaults", "Options_that_accepted_sockets_inherit",
			"Options_of_dialed_sockets", "Options_Control_sees_the_descriptor", "Options_KeepAliveConfig",
		},
	} {
		for _, name := range names {
			except[name] = reason
		}
	}
	return except
}()

type pipePoller struct {
	poller.Poller
	waiting map[[2]poller.Addr]*ends // of whom the other has come already
	closed  bool
}

// ends are the files for who comes second, to read and to write.
type ends struct{ in, out *os.File }

func (e *ends) close() { e.in.Close(); e.out.Close() }

func (p *pipePoller) MarkWaits(state *atomic.Uint32) { p.Poller.(poller.Sleeper).MarkWaits(state) }

func (p *pipePoller) Close() error {
	p.closed = true
	return p.Poller.Close()
}

func (p *pipePoller) drop() {
	for _, e := range p.waiting {
		e.close()
	}
}

// take gives one end of the connection between two addresses.
func (p *pipePoller) take(here, there poller.Addr) (*ends, error) {
	if e := p.waiting[[2]poller.Addr{here, there}]; e != nil {
		delete(p.waiting, [2]poller.Addr{here, there})
		return e, nil
	}
	in, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirIn, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.waiting[[2]poller.Addr{there, here}] = &ends{theirIn, theirOut}
	return &ends{in, out}, nil
}

func (p *pipePoller) Dial(a poller.Addr, o *poller.Options, h poller.StreamHandler) (poller.Stream, error) {
	s := &piped{p: p, h: h, to: a}
	tcp, err := p.Poller.Dial(a, o, (*socketSide)(s))
	if err != nil {
		return nil, err
	}
	s.tcp = tcp
	return s, nil
}

func (p *pipePoller) Listen(a poller.Addr, o *poller.Options, h poller.Acceptor) (poller.Socket, error) {
	return p.Poller.Listen(a, o, pipeAcceptor{h, p})
}

type pipeAcceptor struct {
	poller.Acceptor
	p *pipePoller
}

func (a pipeAcceptor) Accepted(tcp poller.Stream) poller.StreamHandler {
	s := &piped{p: a.p, tcp: tcp}
	if err := s.open(); err != nil {
		return nil
	}
	if s.h = a.Acceptor.Accepted(s); s.h == nil {
		s.Close()
	}
	return (*socketSide)(s)
}

// A piped is a stream that is a socket until it is connected, and pipes from then on.
type piped struct {
	p        *pipePoller
	h        poller.StreamHandler
	tcp      poller.Stream
	pipe     poller.Stream // nil until then
	here, to poller.Addr
	started  bool
	shutting bool
	closing  bool
	bufs     [][]byte // of a Send that was too early
	busy     bool
	ended    bool // EOF was received
}

func (s *piped) open() error {
	s.here, s.to = s.tcp.Addr(), s.tcp.Peer()
	e, err := s.p.take(s.here, s.to)
	if err != nil {
		return err
	}
	defer e.close()
	s.pipe, _, err = s.p.Poller.(poller.PipeOpener).OpenPipe("pipe", fdOf(e.in), fdOf(e.out), (*pipeSide)(s))
	return err
}

func fdOf(f *os.File) (fd uintptr) {
	raw, _ := f.SyscallConn()
	raw.Control(func(n uintptr) { fd = n })
	return fd
}

// now is what the stream is.
func (s *piped) now() poller.Stream {
	if s.pipe != nil {
		return s.pipe
	}
	return s.tcp
}

func (s *piped) Start() {
	if s.started = true; s.pipe != nil {
		s.pipe.Start()
	}
}

func (s *piped) Stop() {
	if s.started = false; s.pipe != nil {
		s.pipe.Stop()
	}
}

func (s *piped) Close() {
	s.renounce()
	s.now().Close()
}

func (s *piped) Reset() {
	s.renounce()
	s.now().Reset()
}

// renounce has the peer see the end, if it is accepted although the dial was given up.
func (s *piped) renounce() {
	if !s.closing && s.pipe == nil && s.tcp.Addr().IsValid() {
		if e, err := s.p.take(s.tcp.Addr(), s.to); err == nil {
			e.close()
		}
	}
	s.closing = true
}

func (s *piped) Addr() poller.Addr {
	if s.pipe == nil {
		return s.tcp.Addr()
	}
	if s.closing || s.p.closed {
		return poller.Addr{}
	}
	return s.here
}

func (s *piped) Peer() poller.Addr {
	if s.pipe == nil {
		return s.tcp.Peer()
	}
	return s.to
}

func (s *piped) SetOption(o poller.Option, v int) error { return s.now().SetOption(o, v) }
func (s *piped) Option(o poller.Option) (int, error)    { return s.now().Option(o) }
func (s *piped) SetHandler(h poller.StreamHandler)      { s.h = h }

func (s *piped) Send(bufs [][]byte) bool {
	if s.pipe != nil {
		return s.pipe.Send(bufs)
	}
	if s.closing || len(bufs) == 0 {
		return true
	}
	s.bufs, s.busy = bufs, true
	return false
}

func (s *piped) TrySend(p []byte) int {
	if s.pipe == nil {
		return 0
	}
	return s.pipe.TrySend(p)
}

func (s *piped) Unsent() (n int) {
	if s.pipe != nil {
		return s.pipe.Unsent()
	}
	for _, b := range s.bufs {
		n += len(b)
	}
	return n
}

func (s *piped) Shutdown() {
	if s.shutting = true; s.pipe != nil {
		s.pipe.Shutdown()
	}
}

func (s *piped) WatchEnd() {
	if s.pipe != nil {
		s.pipe.(poller.EndWatcher).WatchEnd()
	}
}

func (s *piped) Unacked() int { return s.now().(poller.Acker).Unacked() }

func (s *piped) Untold() (int, poller.Events) { return s.now().(poller.Foreteller).Untold() }

// socketSide hears of the socket.
type socketSide piped

func (u *socketSide) Connected(err error) {
	s := (*piped)(u)
	if err == nil && s.pipe == nil && !s.closing {
		err = s.open()
	}
	if s.closing || err != nil {
		if !s.closing {
			s.h.Connected(err)
		}
		return
	}
	s.tcp.Close()
	if s.started {
		s.pipe.Start()
	}
	if s.busy {
		bufs := s.bufs
		if s.bufs, s.busy = nil, false; s.pipe.Send(bufs) {
			defer func() {
				s.h.Sent(nil)
			}()
		}
	}
	if s.shutting {
		s.pipe.Shutdown()
	}
	s.h.Connected(nil)
}

func (u *socketSide) Received([]byte, error) {}
func (u *socketSide) Sent(error)             {}

func (u *socketSide) Closed() {
	if u.pipe != nil {
		return
	}
	if u.busy {
		u.busy = false
		u.h.Sent(net.ErrClosed)
	}
	u.h.Closed()
}

// pipeSide hears of the pipes.
type pipeSide piped

func (u *pipeSide) Connected(error) {}

// Received leaves out that nobody reads any more, where the end has been told: of sockets only a send finds
// that out. TestPipeLoss holds it.
func (u *pipeSide) Received(p []byte, err error) {
	if u.ended && errors.Is(err, syscall.EPIPE) {
		return
	}
	u.ended = err == io.EOF
	u.h.Received(p, err)
}

func (u *pipeSide) Sent(err error) {
	if u.h != nil {
		u.h.Sent(err)
	}
}

func (u *pipeSide) Closed() {
	if u.h != nil {
		u.h.Closed()
	}
}
