//go:build freebsd || linux

package kqfake

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func probeUser() {
	k := newkq()
	defer k.close()
	e := ch(7, EVFILT_USER, EV_ADD|EV_CLEAR)
	_, err := Kevent(int(k), []Event{e}, nil, nil)
	out("user.add", "%v", err)
	trig := func(ff uint32) error {
		e := ch(7, EVFILT_USER, 0)
		e.Fflags = NOTE_TRIGGER | ff
		_, err := Kevent(int(k), []Event{e}, nil, nil)
		return err
	}
	go func() { time.Sleep(20 * time.Millisecond); trig(0) }()
	t := time.Now()
	evs := k.wait(4, 2*time.Second)
	el := time.Since(t)
	out("user.from-thread", "%s in-time=%v", show(evs), el > 15*time.Millisecond)
	out("user.clear-again", "%s", show(k.wait(4, short)))
	trig(0)
	trig(0)
	trig(0)
	out("user.3triggers", "%s", show(k.wait(4, short)))
	out("user.3triggers-again", "%s", show(k.wait(4, short)))
	trig(NOTE_FFOR | 1)
	trig(NOTE_FFOR | 4)
	out("user.ffor", "%s", show(k.wait(4, short)))
	e = ch(8, EVFILT_USER, EV_ADD)
	Kevent(int(k), []Event{e}, nil, nil)
	e = ch(8, EVFILT_USER, 0)
	e.Fflags = NOTE_TRIGGER
	Kevent(int(k), []Event{e}, nil, nil)
	out("user.noclear", "%s", show(k.wait(4, short)))
	out("user.noclear-again", "%s", show(k.wait(4, short)))
	e = ch(9, EVFILT_USER, 0)
	e.Fflags = NOTE_TRIGGER
	_, err = Kevent(int(k), []Event{e}, nil, nil)
	out("user.trigger-unknown", "%s", errStr(err))
	// many triggers from 4 threads while one waits: the sum must not be lost
	k2 := newkq()
	e = ch(1, EVFILT_USER, EV_ADD|EV_CLEAR)
	Kevent(int(k2), []Event{e}, nil, nil)
	done := make(chan bool)
	for range 4 {
		go func() {
			for range 500 {
				e := ch(1, EVFILT_USER, 0)
				e.Fflags = NOTE_TRIGGER
				Kevent(int(k2), []Event{e}, nil, nil)
			}
			done <- true
		}()
	}
	got, fin := 0, 0
	for fin < 4 {
		if len(k2.wait(1, 5*time.Millisecond)) > 0 {
			got++
		}
		select {
		case <-done:
			fin++
		default:
		}
	}
	out("user.storm", "woken=%v", got > 0)
	k2.close()
}

func probeTimer() {
	k := newkq()
	defer k.close()
	t := ch(1, EVFILT_TIMER, EV_ADD)
	t.Data = 40
	_, err := Kevent(int(k), []Event{t}, nil, nil)
	start := time.Now()
	evs := k.wait(4, time.Second)
	d := time.Since(start)
	out("timer.40ms", "%v %s ok=%v", err, show(evs), d > 35*time.Millisecond)
	time.Sleep(170 * time.Millisecond)
	evs = k.wait(4, 0)
	out("timer.periodic-coalesced", "n=%d data>=3:%v", len(evs), len(evs) == 1 && evs[0].Data >= 3)
	k.reg(1, EVFILT_TIMER, EV_DELETE)
	out("timer.deleted", "%s", show(k.wait(4, short)))
	t = ch(2, EVFILT_TIMER, EV_ADD|EV_ONESHOT)
	t.Data = 10
	Kevent(int(k), []Event{t}, nil, nil)
	out("timer.oneshot", "%s", show(k.wait(4, time.Second)))
	out("timer.oneshot-again", "%s", show(k.wait(4, short)))
	t = ch(3, EVFILT_TIMER, EV_ADD|EV_ONESHOT)
	t.Data, t.Fflags = 3_000_000, NOTE_NSECONDS
	start = time.Now()
	Kevent(int(k), []Event{t}, nil, nil)
	evs = k.wait(4, time.Second)
	d = time.Since(start)
	out("timer.3e6ns", "n=%d ok=%v", len(evs), d >= 3*time.Millisecond)
	t = ch(4, EVFILT_TIMER, EV_ADD|EV_ONESHOT)
	t.Data = 0
	_, err = Kevent(int(k), []Event{t}, nil, nil)
	out("timer.data0", "err=%v %s", err, show(k.wait(4, short)))
	t.Data = -5
	_, err = Kevent(int(k), []Event{t}, nil, nil)
	out("timer.negative", "err=%s", errStr(err))
	// re-arm before it fires
	t = ch(5, EVFILT_TIMER, EV_ADD|EV_ONESHOT)
	t.Data = 30
	Kevent(int(k), []Event{t}, nil, nil)
	t.Data = 500
	Kevent(int(k), []Event{t}, nil, nil)
	out("timer.rearm.early", "%s", show(k.wait(4, 70*time.Millisecond)))
	out("timer.rearm.late", "%s", show(k.wait(4, 5*time.Second)))
}

// signals waits until so many signals are told of, and gives them as one event: a kernel has them when kill returns,
// the model when os/signal has handed them on.
func (k kq) signals(n int64) []Event {
	all := k.wait(4, 10*time.Second)
	for len(all) == 1 && all[0].Data < n {
		more := k.wait(4, 10*time.Second)
		if len(more) != 1 || more[0].Filter != EVFILT_SIGNAL {
			return append(all, more...)
		}
		all[0].Data += more[0].Data
	}
	return all
}

func probeSignal() {
	k := newkq()
	defer k.close()
	signal.Ignore(syscall.SIGUSR1)
	_, err := Kevent(int(k), []Event{ch(int(syscall.SIGUSR1), EVFILT_SIGNAL, EV_ADD)}, nil, nil)
	other := newkq() // two signals of which the first has not been handed on by os/signal would be one
	defer other.close()
	Kevent(int(other), []Event{ch(int(syscall.SIGUSR1), EVFILT_SIGNAL, EV_ADD)}, nil, nil)
	for range 2 {
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		other.signals(1)
	}
	out("signal.ignored", "%v %s", err, show(k.signals(2)))
	out("signal.again", "%s", show(k.wait(4, short)))
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	evs := k.signals(1)
	var alsoGo bool
	select {
	case <-c:
		alsoGo = true
	case <-time.After(10 * time.Second):
	}
	out("signal.notified", "%s also-to-handler=%v", show(evs), alsoGo)
	signal.Reset(syscall.SIGUSR1)
	signal.Ignore(syscall.SIGUSR1)
}

func probeTimeouts() {
	k := newkq()
	defer k.close()
	for _, d := range []time.Duration{0, 200 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		best := time.Hour
		for range 5 {
			ts := unix.NsecToTimespec(int64(d))
			t := time.Now()
			_, err := Kevent(int(k), nil, make([]Event, 1), &ts)
			if err == unix.EINTR {
				continue
			}
			best = min(best, time.Since(t))
		}
		out("timeout."+d.String(), "not-early=%v", best >= d)
	}
	ts := unix.Timespec{Sec: 0, Nsec: 2_000_000_000}
	_, err := Kevent(int(k), nil, make([]Event, 1), &ts)
	out("timeout.nsec-too-big", "%s", errStr(err))
	t := time.Now()
	n, err := Kevent(int(k), nil, nil, nil) // no room: returns at once
	out("wait.no-room-no-timeout", "n=%d err=%v at-once=%v", n, err, time.Since(t) < 50*time.Millisecond)
	ts = unix.Timespec{Sec: -1}
	_, err = Kevent(int(k), nil, make([]Event, 1), &ts)
	out("timeout.negative", "%s", errStr(err))
}
