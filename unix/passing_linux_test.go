package unix_test

import (
	"errors"
	"runtime"
	"slices"
	"syscall"
	"testing"

	xunix "golang.org/x/sys/unix"

	"example.com/pike/stream"
	"example.com/pike/unix"
)

// TestTooManyFilesUnderWay sends more files that nobody receives than a user may have under way, who
// has no right to more (too_many_unix_fds in net/unix/scm.c). The connection ends, and says why.
func TestTooManyFilesUnderWay(t *testing.T) {
	runtime.LockOSThread() // for ever: the thread ends with the test, and its loss of rights with it
	hdr := xunix.CapUserHeader{Version: xunix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]xunix.CapUserData
	if err := xunix.Capget(&hdr, &caps[0]); err != nil {
		t.Skip("capget: ", err)
	}
	caps[0].Effective &^= 1<<xunix.CAP_SYS_RESOURCE | 1<<xunix.CAP_SYS_ADMIN
	if err := xunix.Capset(&hdr, &caps[0]); err != nil {
		t.Skip("capset: ", err)
	}
	p := newPair(t, nil, func(b *unix.Conn) { b.PauseRead() })
	var reason error
	p.a.OnRead = stream.Discard
	p.a.OnClose = func(_ *unix.Conn, err error) { reason = err }
	f := file(t, "")
	defer f.Close()
	before := descriptors(t)
	limitFiles(t, before+300)
	var failed error
	for range 4 {
		if failed = unix.WriteFiles(p.a, []byte("x"), slices.Repeat([]syscall.Conn{f}, 250)...); failed != nil {
			break
		}
		p.until("it is sent, or over", func() bool { return p.a.Closing() || p.a.Buffered() == 0 })
	}
	p.until("it ends", func() bool { return reason != nil })
	if !errors.Is(reason, syscall.ETOOMANYREFS) {
		t.Errorf("the reason is %v", reason)
	}
	p.b.CloseNow()
	p.lp.Close()
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
