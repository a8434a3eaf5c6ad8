package pollertest

import (
	"bytes"

	"example.com/pike/poller"
)

// In debug builds every backend overwrites what an upcall has lent. A program that reads it
// later then reads nonsense every time, and not only on a busy day.
var lentClauses = []clause{
	{name: "C3_what_was_lent_is_overwritten", test: lentOverwritten},
	{name: "C3_what_was_lent_in_packets_is_overwritten", test: lentPacketsOverwritten},
}

func (r *rig) needDebug() {
	if !debug {
		r.Skip("only builds with -race or -tags pikedebug overwrite what they have lent")
	}
}

func (r *rig) overwritten(p []byte) {
	r.Helper()
	if want := bytes.Repeat([]byte{0xDB}, len(p)); len(p) == 0 || !bytes.Equal(p, want) {
		r.Errorf("of %d bytes that were lent %x… is left", len(p), p[:min(len(p), 8)])
	}
}

func lentOverwritten(r *rig) {
	r.needDebug()
	a, b := r.pair(nil)
	var kept []byte
	b.on.received = func(p []byte, _ error) { kept = p }
	b.start()
	a.send(100)
	r.until("it is there", func() bool { return b.in == 100 })
	r.overwritten(kept)
}

func lentPacketsOverwritten(r *rig) {
	r.needDebug()
	p, q := r.bind(nil), r.bind(nil)
	var kept, own []byte
	q.on.received = func(ms []poller.Message, _ error) {
		kept, own = ms[0].Data, bytes.Clone(ms[0].Data)
		ms[0].Data = own // what the handler puts there is its own
	}
	q.start()
	p.deliver(message(q.addr(), 1, 100))
	r.until("it is there", func() bool { return kept != nil })
	r.overwritten(kept)
	if bytes.Contains(own, []byte{0xDB, 0xDB, 0xDB, 0xDB}) {
		r.Error("a handler's own memory is overwritten")
	}
}
