package server

import (
	"fmt"
	"testing"
)

func TestHistory(t *testing.T) {
	h := newHall(t, Options{})
	a := h.named("ann")
	a.send("/join #old")
	a.expect("* ann joined #old")
	var want []string
	for i := range 25 {
		a.send(fmt.Sprint("message ", i))
		want = append(want, fmt.Sprint("[#old] ann: message ", i))
	}
	a.sync()
	b := h.named("bob")
	b.send("/join #old")
	b.expect("* bob joined #old")
	b.expect(want[5:]...)
	b.sync()
	a.conn.Close()
	b.expect("* ann left #old")
	b.send("/join #lobby")
	b.expect("* bob joined #lobby")
	b.send("/join #old") // empty meanwhile, but not forgotten
	b.expect("* bob joined #old")
	b.expect(want[5:]...)
	for i := range vacantMost + 2 {
		b.send(fmt.Sprint("/join #r", i))
		b.next("* bob joined #r")
	}
	if len(h.srv.rooms) != vacantMost+2 || len(h.srv.vacant) != vacantMost || len(h.srv.used) != 2 {
		t.Errorf("%d rooms, %d of them vacant, %d used", len(h.srv.rooms), len(h.srv.vacant), len(h.srv.used))
	}
	b.send("/join #OLD")
	b.expect("* bob joined #OLD")
	b.sync()
}
