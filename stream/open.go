package stream

import (
	"example.com/pike/internal/netop"
	"example.com/pike/loop"
	"example.com/pike/poller"
)

// Open is for packages of networks; package pipe has an Open for users. It makes a connection of a
// stream that needs no Dial: open opens it, told whom it is to call back, and says which sides it has.
// Without Reads the connection is as after the peer's end, without Writes as after CloseWrite. network
// and name are for errors, which are *net.OpError. Of o what concerns sockets is not looked at.
//
// Nothing is called back before the loop runs on. Options.Layer is os.ErrInvalid: there is StartLayer.
func Open(lp *loop.Loop, network, name string, o *Options,
	open func(h poller.StreamHandler) (poller.Stream, poller.Halves, error)) (*Conn, error) {
	if err := lp.Maker().Check("stream.Open"); err != nil {
		return nil, err
	}
	failed := func(err error) (*Conn, error) { return nil, netop.NameError("open", network, name, err) }
	if lp == nil || open == nil || o != nil && o.Layer != nil {
		return failed(errInvalid)
	}
	p, err := o.policy()
	if err != nil {
		return failed(err)
	}
	s := sharedOf(lp)
	c := newConn(s.conf(conf{shared: s, policy: p, network: network}), o.drainTimeout(), nil)
	if err := lp.Maker().Attach(c); err != nil {
		return failed(err)
	}
	var halves poller.Halves
	if c.s, halves, err = open((*upcalls)(c)); err != nil {
		lp.Maker().Detach(c)
		return failed(err)
	}
	if halves&poller.Reads == 0 {
		c.marks |= readEnded
	}
	if halves&poller.Writes == 0 {
		c.writes = finSent
	}
	lp.Maker().SetActive(c, true)
	c.appear()
	c.begin()
	return c, nil
}
