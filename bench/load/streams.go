package load

import (
	"fmt"
	"net/netip"
)

// streams is connections of a load that all do the same, each with a place in what it sends or receives.
type streams struct {
	clock
	span
	target Target
	poll   *poll
	conns  []stream
	count  int64 // of what the window measures
}

type stream struct {
	fd    int32
	at    int // in the period of what is sent or received
	total int64
}

func (s *streams) flags(name string) (fs flagSet, conns *int) {
	fs = s.target.flags(name)
	conns = fs.Int("conns", 1, "`number` of connections")
	s.span.flags(fs)
	return fs, conns
}

func (s *streams) connect(n int, events uint32) error {
	s.begin()
	to, err := netip.ParseAddrPort(s.target.Addr)
	if err != nil {
		return err
	}
	if s.poll, err = newPoll(); err != nil {
		return err
	}
	for i := range n {
		fd, err := dial(to)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		s.conns = append(s.conns, stream{fd: int32(fd)})
		if err := s.poll.set(ctlAdd, int32(fd), events, i); err != nil {
			return err
		}
	}
	return nil
}

// each takes a turn. It serves what is ready. If nothing was ready, the time was idle.
func (s *streams) each(serve func(i int, c *stream) error) error {
	events, err := s.poll.wait()
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return s.rest()
	}
	for k := range events {
		i := int(events[k].Fd)
		if err := serve(i, &s.conns[i]); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	s.work()
	return nil
}

// pattern is what every peer sends, over and over. It is repeated so often that a full inbox can be compared at once,
// wherever in the pattern it begins.
func pattern(period int) []byte {
	p := make([]byte, (inboxBytes/period+2)*period)
	for i := range p {
		p[i] = byte(i % period * 131 >> 3)
	}
	return p
}
