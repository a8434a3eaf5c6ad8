package sys

import (
	"bytes"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// FuzzReadControl gives the reader of control messages anything that a system might say, and things that none would.
// It comes to an end, reads nothing behind them, and what it reads can be used.
func FuzzReadControl(f *testing.F) {
	for _, say := range []poller.Control{
		{}, {TrafficClass: 0x2e << 2},
		{Local: netip.MustParseAddr("127.0.0.1"), Interface: 1},
		{Local: netip.MustParseAddr("::1"), Interface: 1, TrafficClass: 3},
	} {
		for _, v4 := range []bool{true, false} {
			f.Add(said(say, v4, 0), 9000)
			f.Add(said(say, v4, 1000), 9000)
		}
	}
	gro := make([]byte, unix.CmsgSpace(4))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&gro[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_GRO
	h.SetLen(unix.CmsgLen(4))
	for _, size := range []int32{1000, 0, -1, 1 << 30} {
		*(*int32)(unsafe.Pointer(&gro[unix.CmsgLen(0)])) = size
		f.Add(bytes.Clone(gro), 9000)
	}
	f.Fuzz(func(t *testing.T, control []byte, size int) {
		if size < 0 || size > 1<<16 {
			return
		}
		var room RecvControl
		n := copy(room.Bytes(len(room)*8), control)
		m := poller.Message{Data: make([]byte, size)}
		if ReadControl(room.Bytes(n), &m, true, true); m.Segment < 0 || m.Segment > 0 && m.Segment >= size {
			t.Errorf("segments of %d bytes in %d", m.Segment, size)
		}
		again := poller.Message{Data: m.Data}
		for i := n; i < len(room)*8; i++ { // what lies behind it must not matter
			room.Bytes(len(room) * 8)[i] = 0xff
		}
		if ReadControl(room.Bytes(n), &again, true, true); again.Segment != m.Segment || again.Local != m.Local ||
			again.Interface != m.Interface || again.TrafficClass != m.TrafficClass {
			t.Errorf("%+v, and then %+v", m, again)
		}
		none := poller.Message{Data: m.Data}
		ReadControl(room.Bytes(n), &none, false, false)
		if none.Local.IsValid() || none.Interface != 0 || none.TrafficClass != 0 {
			t.Errorf("nobody asked for %+v", none)
		}
	})
}

// said is control data as it is sent.
func said(say poller.Control, v4 bool, segment int) []byte {
	var c SendControl
	var h unix.Msghdr
	var to SockaddrIn6
	if to.Family = unix.AF_INET; !v4 {
		to.Family, to.Addr = unix.AF_INET6, netip.IPv6Loopback().As16()
	}
	if c.Set(&h, segment, &say, &to, nil) != 0 {
		return nil
	}
	return bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&c)), h.Controllen))
}
