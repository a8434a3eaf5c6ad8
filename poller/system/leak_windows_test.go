package system_test

import (
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"example.com/pike/poller"
	"example.com/pike/poller/system"
)

// handles counts those of the process.
func handles(t *testing.T) (n uint32) {
	t.Helper()
	p := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	if r, _, err := p.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); r == 0 {
		t.Fatal("GetProcessHandleCount: ", err)
	}
	return n
}

// TestCloseFreesHandles closes a poller with sockets of every kind in every state.
func TestCloseFreesHandles(t *testing.T) {
	use := func(wait bool) {
		p := opened(t)(system.Open(""))
		a, b := pair(t, p, local)
		c, d := pair(t, p, local)
		a.Send([][]byte{make([]byte, 32<<20)})
		b.Close()
		c.Reset()
		d.Start()
		l := listen(t, p, local)
		l.Start()
		dial(t, p, l.Addr())
		dial(t, p, nobody)
		bind(t, p, local, nil).Send([]poller.Message{{Data: make([]byte, 100_000), Peer: nobody.AddrPort}})
		if wait {
			pause(t, p, time.Millisecond)
		}
		if err := p.Close(); err != nil {
			t.Error("Close: ", err)
		}
	}
	use(true) // what the first of them opens for ever
	before := handles(t)
	for round := range 8 {
		use(round%2 == 0)
	}
	if after := handles(t); after > before+2 { // the Go runtime may have started a thread
		t.Errorf("%d handles, %d before", after, before)
	}
}

// TestChurnFreesHandles opens and closes sockets in one poller.
func TestChurnFreesHandles(t *testing.T) {
	p := opened(t)(system.Open(""))
	defer p.Close()
	churn := func() {
		for range 50 {
			a, b := pair(t, p, local)
			closed := 0
			for _, s := range []*stream{a, b} {
				s.Start()
				s.closed = func() { closed++ }
				s.Close()
			}
			until(t, p, "both are closed", func() bool { return closed == 2 })
		}
	}
	churn()
	before := handles(t)
	churn()
	if after := handles(t); after > before+20 { // one a pair would be 50
		t.Errorf("%d handles, %d before", after, before)
	}
}
