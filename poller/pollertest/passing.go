package pollertest

import (
	"errors"
	"io"
	"net"
	"slices"

	"example.com/pike/poller"
)

// These tests are of FilePasser and FileKeeper.
var passingClauses = []clause{
	{name: "Files_come_in_order_with_their_bytes", test: filesInOrder},
	{name: "Files_wait_for_Start", test: filesWait},
	{name: "Files_behind_a_full_buffer", test: filesBehindFull},
	{name: "Files_of_a_Send_that_is_closed", test: filesOfClosed},
	{name: "Files_sent_before_the_stream_is_connected", test: filesWhileDialing},
	{name: "Files_that_nobody_takes", test: filesUntaken},
	{name: "Files_for_a_handler_that_takes_none", test: filesForOther},
	{name: "Files_from_inside_an_upcall_on", test: filesFromUpcallOn},
	{name: "Files_not_over_TCP", test: filesNotOverTCP},
	{name: "Files_kept_until_Close", test: filesKept},
}

func filesInOrder(r *rig) {
	a, b := r.passers()
	b.start()
	var ids, at []int
	for i := range 20 {
		files, id := r.keep(1 + i%3)
		for range id {
			at = append(at, a.out+i*7)
		}
		ids = append(ids, id...)
		if i > 0 {
			a.send(i * 7)
			a.sent()
		}
		a.pass(1+i*100, files...)
		a.sent(files...)
	}
	a.send(100)
	a.sent()
	b.expect(a, ids, at)
	a.call("Shutdown", a.s.Shutdown)
	r.until("the end is received", func() bool { return b.end == io.EOF })
}

func filesWait(r *rig) {
	a, b := r.passers()
	files, ids := r.keep(poller.PassMost)
	a.pass(1, files...)
	a.sent(files...)
	r.quiet()
	at := make([]int, len(ids))
	b.start()
	b.expect(a, ids, at)
}

// fillUp sends to a stopped peer until the system takes no more.
func (c *passer) fillUp() {
	c.Helper()
	for range 256 {
		if !c.send(64 << 10) {
			c.settle()
		}
		if c.sending {
			return
		}
	}
	c.Fatalf("the system took %d bytes that nobody reads", c.out)
}

func filesBehindFull(r *rig) {
	a, b := r.passers()
	a.fillUp()
	b.start()
	a.sent()
	r.until("all is received", func() bool { return b.in == a.out })
	b.started = false
	b.call("Stop", b.s.Stop)
	var ids, at []int
	a.untilWaits(func() []uintptr {
		files, id := r.keep(2)
		ids, at = append(ids, id...), append(at, a.out, a.out)
		return files
	})
	b.start()
	a.sent()
	b.expect(a, ids, at)
}

// untilWaits passes files until a Send that has some waits for room, and returns those.
func (c *passer) untilWaits(keep func() []uintptr) (files []uintptr) {
	c.Helper()
	for range 64 {
		files = keep()
		if !c.pass(200<<10, files...) {
			c.settle()
		}
		if c.sending {
			return files
		}
		c.dropAll(files)
	}
	c.Fatalf("the system took %d bytes that nobody reads", c.out)
	return nil
}

func filesOfClosed(r *rig) {
	a, b := r.passers()
	a.fillUp()
	b.start()
	a.sent()
	b.started = false
	b.call("Stop", b.s.Stop)
	files := a.untilWaits(func() []uintptr { files, _ := r.keep(1); return files })
	id := r.identity(files[0])
	a.close()
	r.until("it is closed", a.over)
	if !errors.Is(a.sendErr, net.ErrClosed) {
		r.Errorf("Sent(%v)", a.sendErr)
	}
	r.hasFile("what was kept", r.identity(files[0]), id)
	a.dropAll(files)
}

func filesWhileDialing(r *rig) {
	a, b := r.passersDialing()
	files, ids := r.keep(2)
	a.pass(10, files...)
	r.until("it is accepted", func() bool { return b.told })
	r.call("TakeFiles", func() { b.s.TakeFiles(true) })
	b.start()
	a.sent(files...)
	b.expect(a, ids, []int{0, 0})
}

// filesUntaken is a peer that sends files nobody has asked for, or asks for no more.
func filesUntaken(r *rig) {
	a, b := r.passersDialing()
	r.until("they are connected", func() bool { return a.told && b.told })
	b.start()
	for _, on := range []bool{false, true, false} {
		if on {
			b.call("TakeFiles", func() { b.s.TakeFiles(true) })
		}
		b.call("TakeFiles", func() { b.s.TakeFiles(false) })
		files, _ := r.keep(3)
		a.pass(100, files...)
		a.sent(files...)
		b.expect(a, nil, nil)
	}
}

// bare hides that a handler takes files.
type bare struct{ poller.StreamHandler }

func filesForOther(r *rig) {
	a, b := r.passers()
	b.call("SetHandler", func() { b.s.SetHandler(bare{b}) })
	b.start()
	files, ids := r.keep(3)
	a.pass(100, files...)
	r.until("all is received", func() bool { return b.in == a.out })
	a.sent(files...)
	if len(b.files) > 0 {
		r.Errorf("%d files", len(b.files))
	}
	if _, ok := r.p.(simulated); ok { // the tests of the simulator count
		return
	}
	for fd := range uintptr(1024) {
		if slices.Contains(ids, r.identity(fd)) {
			r.Errorf("descriptor %d is left of what was passed", fd)
		}
	}
}

// filesFromUpcallOn asks for files in the upcall before they come, with much to read.
func filesFromUpcallOn(r *rig) {
	a, b := r.passersDialing()
	r.until("they are connected", func() bool { return a.told && b.told })
	b.onBytes = func() { b.call("TakeFiles", func() { b.s.TakeFiles(true) }) }
	if !a.send(64 << 10) { // in small buffers it has to be read first
		b.start()
		a.sent()
	}
	files, ids := r.keep(1)
	a.pass(64<<10, files...)
	b.start()
	a.sent(files...)
	r.until("all is received", func() bool { return b.in == a.out })
	if len(b.files) > 1 || len(b.files) == 1 && b.files[0] != ids[0] {
		r.Errorf("files %v, want %v", b.files, ids)
	}
	if _, ok := r.p.(simulated); !ok && len(b.files) != 1 { // there the first read may have taken it
		r.Errorf("files %v, want %v", b.files, ids)
	}
}

func filesNotOverTCP(r *rig) {
	r.keeper()
	a, b := r.pair(nil)
	for _, c := range []*conn{a, b} {
		s, ok := poller.As[poller.FilePasser](c.s)
		if !ok {
			continue // a layer's
		}
		c.call("TakeFiles", func() { s.TakeFiles(true) })
		if s.PassesFiles() {
			r.Error("TCP passes files")
		}
	}
	a.start()
	b.start()
	arrives(a, b, 1000)
}

// filesKept holds that the poller closes what it keeps, and nothing that is not its own.
func filesKept(r *rig) {
	k := r.keeper()
	files, ids := r.keep(3)
	k.DropFile(files[0])
	r.isClosed("what was dropped", files[0], ids[0])
	if !k.GiveFile(files[1]) || k.GiveFile(files[1]) {
		r.Error("GiveFile does not say what was kept")
	}
	k.DropFile(files[1])
	r.hasFile("what was given away", r.identity(files[1]), ids[1])
	if s, ok := r.p.(simulated); ok {
		s.CloseFile(files[1])
	} else {
		r.drop(files[1])
	}
	const never = 1 << 24 // more than a process can have open
	if _, err := k.KeepFile(never); err == nil {
		r.Error("KeepFile of no file has succeeded")
	}
	r.finish()
	r.isClosed("what was kept", files[2], ids[2])
	k.DropFile(files[2]) // which may be another's by now
}
