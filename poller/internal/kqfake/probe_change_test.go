//go:build freebsd || linux

package kqfake

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

func probeReceipt() {
	k := newkq()
	defer k.close()
	a, b := tcpPair()
	wr(a, "x")
	settle()
	ev := make([]Event, 8)
	n, err := Kevent(int(k), []Event{
		ch(b, EVFILT_READ, EV_ADD|EV_RECEIPT),
		ch(b, EVFILT_WRITE, EV_ADD|EV_RECEIPT),
		ch(9999, EVFILT_READ, EV_ADD|EV_RECEIPT),
		ch(a, EVFILT_READ, EV_DELETE|EV_RECEIPT),
	}, ev, nil)
	out("receipt.batch", "err=%v n=%d", err, n)
	for i := range n {
		out(fmt.Sprintf("receipt.%d", i), "%s", show(ev[i:i+1]))
	}
	out("receipt.then-wait", "%s", show(k.wait(8, short)))
	Close(a)
	Close(b)
}

func probeChangelist() {
	k := newkq()
	defer k.close()
	a, b := tcpPair()
	wr(a, "x")
	settle()
	ev := make([]Event, 8)
	zero := unix.Timespec{}
	n, err := Kevent(int(k), []Event{ch(b, EVFILT_READ, EV_ADD), ch(b, EVFILT_WRITE, EV_ADD)}, ev, &zero)
	out("batch.add-and-collect", "err=%v %s", err, show(ev[:max(n, 0)]))
	die(k.reg(b, EVFILT_READ, EV_DELETE))
	die(k.reg(b, EVFILT_WRITE, EV_DELETE))
	out("batch.deleted", "%s", show(k.wait(8, short)))
	out("delete.twice", "%s", errStr(k.reg(b, EVFILT_READ, EV_DELETE)))
	out("add.badfd", "%s", errStr(k.reg(9999, EVFILT_READ, EV_ADD)))
	out("enable.unknown", "%s", errStr(k.reg(b, EVFILT_READ, EV_ENABLE)))
	out("filter.unknown", "%s", errStr(k.reg(b, 77, EV_ADD)))
	n, err = Kevent(int(k), []Event{ch(9999, EVFILT_READ, EV_ADD), ch(b, EVFILT_READ, EV_ADD)}, ev, &zero)
	out("batch.err-with-room", "err=%v %s", err, show(ev[:max(n, 0)]))
	out("batch.err-with-room.then", "%s", show(k.wait(8, short)))
	k.reg(b, EVFILT_READ, EV_DELETE)
	n, err = Kevent(int(k), []Event{ch(9999, EVFILT_READ, EV_ADD), ch(b, EVFILT_READ, EV_ADD)}, nil, nil)
	out("batch.err-no-room", "n=%d err=%s", n, errStr(err))
	out("batch.err-no-room.then", "%s", show(k.wait(8, short)))
	k.reg(b, EVFILT_READ, EV_DELETE)
	// udata is returned, and replaced by a second EV_ADD
	var x, y byte
	e := ch(b, EVFILT_READ, EV_ADD)
	e.Udata = &x
	Kevent(int(k), []Event{e}, nil, nil)
	evs := k.wait(4, short)
	u1 := len(evs) == 1 && evs[0].Udata == &x
	e.Udata = &y
	Kevent(int(k), []Event{e}, nil, nil)
	evs = k.wait(4, short)
	out("udata", "first=%v replaced=%v", u1, len(evs) == 1 && evs[0].Udata == &y)
	e = ch(b, EVFILT_READ, EV_DISABLE)
	Kevent(int(k), []Event{e}, nil, nil)
	e = ch(b, EVFILT_READ, EV_ENABLE)
	Kevent(int(k), []Event{e}, nil, nil)
	evs = k.wait(4, short)
	out("udata.after-enable", "n=%d kept=%v nil=%v", len(evs), len(evs) == 1 && evs[0].Udata == &y, len(evs) == 1 && evs[0].Udata == nil)
	e = ch(5, EVFILT_USER, EV_ADD|EV_CLEAR)
	e.Udata = &x
	Kevent(int(k), []Event{e}, nil, nil)
	k.reg(b, EVFILT_READ, EV_DELETE)
	e = ch(5, EVFILT_USER, 0)
	e.Fflags = NOTE_TRIGGER
	Kevent(int(k), []Event{e}, nil, nil)
	evs = k.wait(4, short)
	out("udata.after-trigger", "n=%d kept=%v nil=%v", len(evs), len(evs) == 1 && evs[0].Udata == &x, len(evs) == 1 && evs[0].Udata == nil)
	// EV_RECEIPT without room for the receipts
	n, err = Kevent(int(k), []Event{ch(b, EVFILT_READ, EV_ADD|EV_RECEIPT), ch(a, EVFILT_WRITE, EV_ADD|EV_RECEIPT)}, nil, nil)
	out("receipt.no-room", "n=%d err=%v", n, err)
	out("receipt.no-room.then", "%s", show(k.wait(4, short)))
	k.reg(a, EVFILT_WRITE, EV_DELETE)
	// one delete that fails in the middle of a batch with room
	n, err = Kevent(int(k), []Event{ch(a, EVFILT_WRITE, EV_DELETE), ch(a, EVFILT_READ, EV_ADD)}, ev, &zero)
	out("batch.delete-enoent", "n=%d err=%v %s", n, err, show(ev[:max(n, 0)]))
	e = ch(b, EVFILT_READ, EV_ADD)
	n, err = Kevent(int(k), []Event{e, ch(b, EVFILT_READ, EV_DELETE)}, ev, &zero)
	out("batch.add-delete", "n=%d err=%v", n, err)
	// flags that come back
	k.reg(b, EVFILT_READ, EV_ADD|EV_CLEAR|EV_RECEIPT)
	evs = k.wait(4, short)
	if len(evs) == 1 {
		f := evs[0].Flags
		out("flags.returned", "ADD=%v CLEAR=%v RECEIPT=%v ENABLE=%v", f&EV_ADD != 0, f&EV_CLEAR != 0, f&EV_RECEIPT != 0, f&EV_ENABLE != 0)
	}
	runtime.KeepAlive(&x)
	runtime.KeepAlive(&y)
	Close(a)
	Close(b)
}

func probeFlags() {
	k := newkq()
	defer k.close()
	a, b := tcpPair()
	wr(a, "x")
	settle()
	die(k.reg(b, EVFILT_READ, EV_ADD|EV_ONESHOT))
	out("oneshot.first", "%s", show(k.wait(4, short)))
	out("oneshot.again", "%s", show(k.wait(4, short)))
	out("oneshot.delete-after", "%s", errStr(k.reg(b, EVFILT_READ, EV_DELETE)))
	die(k.reg(b, EVFILT_READ, EV_ADD|EV_DISPATCH))
	out("dispatch.first", "%s", show(k.wait(4, short)))
	out("dispatch.again", "%s", show(k.wait(4, short)))
	out("dispatch.enable", "%s", errStr(k.reg(b, EVFILT_READ, EV_ENABLE)))
	out("dispatch.after-enable", "%s", show(k.wait(4, short)))
	out("dispatch.enable2", "%s", errStr(k.reg(b, EVFILT_READ, EV_ENABLE|EV_DISPATCH)))
	out("dispatch.after-enable2", "%s", show(k.wait(4, short)))
	die(k.reg(b, EVFILT_READ, EV_DELETE))
	die(k.reg(b, EVFILT_READ, EV_ADD|EV_DISABLE))
	out("disabled", "%s", show(k.wait(4, short)))
	die(k.reg(b, EVFILT_READ, EV_ENABLE))
	out("enabled", "%s", show(k.wait(4, short)))
	die(k.reg(b, EVFILT_READ, EV_DISABLE))
	out("disabled-again", "%s", show(k.wait(4, short)))
	die(k.reg(b, EVFILT_READ, EV_ADD))
	out("readd-enables", "%s", show(k.wait(4, short)))
	k.reg(b, EVFILT_READ, EV_DELETE)
	e := ch(b, EVFILT_READ, EV_ADD)
	e.Fflags, e.Data = NOTE_LOWAT, 10
	Kevent(int(k), []Event{e}, nil, nil)
	out("lowat10.1byte", "%s", show(k.wait(4, short)))
	wr(a, "123456789")
	settle()
	out("lowat10.10bytes", "%s", show(k.wait(4, short)))
	// EV_ADD without EV_CLEAR over a knote that had it
	die(k.reg(b, EVFILT_READ, EV_DELETE))
	die(k.reg(b, EVFILT_READ, EV_ADD|EV_CLEAR))
	die(k.reg(b, EVFILT_READ, EV_ADD))
	k.wait(4, 0)
	out("clear.then-add-without", "%s", show(k.wait(4, short)))
	Close(a)
	Close(b)
}
