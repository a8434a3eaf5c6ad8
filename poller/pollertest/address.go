package pollertest

import (
	"net/netip"

	"example.com/pike/poller"
)

var addressClauses = []clause{
	{name: "Listen_on_an_address_in_use", test: listenInUse, both: true},
	{name: "Bind_to_an_address_in_use", test: bindInUse, both: true},
	{name: "Bind_with_ReuseAddr_shares", test: bindReuse},
	{name: "Listen_on_an_address_that_is_not_here", test: listenElsewhere},
	{name: "Bind_to_an_address_that_is_not_here", test: bindElsewhere},
	{name: "Listen_again_at_once", test: listenAgain, both: true},
	{name: "Open_with_a_bad_address", test: badAddress},
}

func listenInUse(r *rig) {
	v := r.listen(nil)
	_, err := r.tryListen(v.addr(), nil)
	r.is("a second listener", err, faultInUse)
	a, b := r.pairOf(v, nil) // the first has come to no harm
	b.start()
	a.send(1)
	r.until("a byte is there", func() bool { return b.in == 1 })
}

func bindInUse(r *rig) {
	p := r.bind(nil)
	_, err := r.tryBind(p.addr(), nil)
	r.is("a second packet socket", err, faultInUse)
	q := r.bind(nil)
	q.deliver(message(p.addr(), 1, 10))
	r.until("a message is there", func() bool { return len(p.got) == 1 })
}

func bindReuse(r *rig) {
	o := &poller.Options{ReuseAddr: true}
	p := r.bind(o)
	if _, err := r.tryBind(p.addr(), o); err != nil {
		r.Errorf("a second packet socket with ReuseAddr: %v", err)
	}
}

// elsewhere is an address of RFC 5737 that no machine has.
var elsewhere = poller.AddrOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, 1}), 0))

func listenElsewhere(r *rig) {
	_, err := r.tryListen(elsewhere, nil)
	r.is("Listen", err, faultNoAddr)
}

func bindElsewhere(r *rig) {
	_, err := r.tryBind(elsewhere, nil)
	r.is("Bind", err, faultNoAddr)
}

// listenAgain restarts a server whose connections, closed by it first, are in
// TIME_WAIT.
func listenAgain(r *rig) {
	v := r.listen(nil)
	addr := v.addr()
	for range 3 {
		a, b := r.pairOf(v, nil)
		a.start()
		b.close()
		r.until("the end is seen", a.ended)
		a.close()
		v.close()
		r.until("all is closed", func() bool { return a.closed && b.closed && v.closed })
		v = r.listenAt(addr, nil)
		v.start()
	}
}

func badAddress(r *rig) {
	far := poller.AddrOf(netip.AddrPortFrom(netip.IPv6Loopback(), 0))
	_, listen := r.tryListen(poller.Addr{}, nil)
	_, dial := r.tryDial(poller.Addr{}, nil)
	_, bind := r.tryBind(poller.Addr{}, nil)
	_, path := r.tryBind(poller.Addr{Path: "nowhere"}, nil)
	_, mixed := r.tryDial(r.nobody(), &poller.Options{Local: far})
	for i, err := range []error{listen, dial, bind, path, mixed} {
		if err == nil {
			r.Errorf("bad address %d: no error", i)
		}
	}
}
