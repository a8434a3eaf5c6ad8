package load

import (
	"errors"
	"fmt"
)

// drain receives what a server sends without end, or in bursts that it asks for, and checks every byte.
type drain struct {
	streams
	period int    // of what comes
	want   []byte // many periods
	burst  int64  // bytes for each ask; 0 is without end
	inbox  []byte
}

var ask = []byte("go ahead")

func drainMain(args []string) (any, error) {
	var d drain
	fs, conns := d.flags("tcp-drain")
	fs.IntVar(&d.period, "period", 8<<10, "`bytes` after which what comes repeats itself")
	fs.Int64Var(&d.burst, "burst", 0, "`bytes` that are answered to each ask; 0 is without end and unasked")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	d.want, d.inbox = pattern(d.period), make([]byte, inboxBytes)
	if err := d.connect(*conns, readable); err != nil {
		return nil, err
	}
	for i := range d.conns {
		if err := d.ask(&d.conns[i]); err != nil {
			return nil, err
		}
	}
	turn := func() error { return d.each(d.receive) }
	ready := func() bool {
		for i := range d.conns {
			if d.conns[i].total <= d.burst {
				return false
			}
		}
		return true
	}
	w, err := d.run(&d.clock, d.target, turn, ready, &d.count)
	return &w, err
}

func (d *drain) ask(c *stream) error {
	if d.burst == 0 {
		return nil
	}
	if n, errno := send(c.fd, ask); errno != 0 || n != len(ask) {
		return fmt.Errorf("ask: %d bytes, %w", n, errno)
	}
	return nil
}

func (d *drain) receive(_ int, c *stream) error {
	n, errno := recv(c.fd, d.inbox)
	switch {
	case transient(errno):
		return nil
	case errno != 0:
		return fmt.Errorf("recv: %w", errno)
	case n == 0:
		return errors.New("the server hung up")
	}
	if want := d.want[c.at:][:n]; string(d.inbox[:n]) != string(want) {
		return fmt.Errorf("wrong bytes at %d", c.total+int64(differ(d.inbox[:n], want)))
	}
	c.at = (c.at + n) % d.period
	before := c.total
	c.total += int64(n)
	d.count += int64(n)
	if d.burst == 0 || before/d.burst == c.total/d.burst {
		return nil
	}
	if c.total%d.burst != 0 {
		return fmt.Errorf("%d bytes more than a burst", c.total%d.burst)
	}
	return d.ask(c)
}
