package udp_test

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"example.com/pike/udp"
)

func TestOptionBounds(t *testing.T) {
	for _, addr := range []string{anyV4, anyV6} {
		t.Run(addr, func(t *testing.T) {
			if addr == anyV6 {
				needIPv6(t)
			}
			c := listen(t, newLoop(t), addr, nil)
			for _, o := range []struct {
				name      string
				set       func(int) error
				good, bad []int
			}{
				{"TTL", c.SetTTL, []int{1, 64, 255}, []int{-1, 0, 256}},
				{"multicast TTL", c.SetMulticastTTL, []int{0, 1, 255}, []int{-1, 256}},
				{"traffic class", c.SetTrafficClass, []int{0, 0x10, 0xb8, 252}, []int{-1, 256}},
				{"read buffer", c.SetReadBuffer, []int{1 << 12, 1 << 16}, []int{-1}},
				{"write buffer", c.SetWriteBuffer, []int{1 << 12, 1 << 16}, []int{-1}},
			} {
				for _, v := range o.good {
					err := o.set(v)
					if o.name == "traffic class" && errors.Is(err, errors.ErrUnsupported) {
						t.Logf("%s: %v", o.name, err) // of IPv6, on some
						break
					}
					if err != nil {
						t.Errorf("%s %d: %v", o.name, v, err)
					}
				}
				for _, v := range o.bad {
					if err := o.set(v); !errors.Is(err, syscall.EINVAL) {
						t.Errorf("%s %d: %v, want EINVAL", o.name, v, err)
					} else {
						opIs(t, err, "set", netip.AddrPort{}, syscall.EINVAL)
					}
				}
			}
			for _, on := range []bool{true, false} {
				no(t, c.SetBroadcast(on))
				no(t, c.SetMulticastLoopback(on))
			}
			no(t, c.SetMulticastInterface(nil))
			no(t, c.SetTTL(77))
			hops, err := c.TTL()
			no(t, err)
			equal(t, "TTL", hops, 77)
		})
	}
}

func TestBufferSizes(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, &udp.Options{ReadBuffer: 10000, WriteBuffer: 20000})
	sizes := func(what string, read, write int) {
		t.Helper()
		for _, o := range []struct {
			name string
			get  func() (int, error)
			want int
		}{{"read", c.ReadBufferSize, read}, {"write", c.WriteBufferSize, write}} {
			got, err := o.get()
			no(t, err)
			if got != o.want && got != 2*o.want { // socket(7): Linux doubles it
				t.Errorf("%s: the %s buffer has %d bytes, want %d or twice that", what, o.name, got, o.want)
			}
		}
	}
	sizes("by option", 10000, 20000)
	no(t, c.SetReadBuffer(30000))
	no(t, c.SetWriteBuffer(40000))
	sizes("later", 30000, 40000)
	d := listen(t, lp, anyV4, nil)
	n, err := d.ReadBufferSize()
	no(t, err)
	if n < 10000 {
		t.Errorf("the system's own read buffer has %d bytes", n)
	}
}

func TestSyscallConn(t *testing.T) {
	lp := newLoop(t)
	c := listen(t, lp, anyV4, nil)
	raw, err := c.SyscallConn()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this backend has no descriptors: ", err)
	}
	no(t, err)
	calls := 0
	no(t, raw.Control(func(fd uintptr) {
		calls++
		if fd == 0 || fd == ^uintptr(0) {
			t.Errorf("descriptor %d", fd)
		}
	}))
	equal(t, "calls", calls, 1)
	never := func(uintptr) bool { t.Error("a function that would wait was called"); return true }
	is(t, raw.Read(never), errors.ErrUnsupported)
	is(t, raw.Write(never), errors.ErrUnsupported)
	no(t, c.Close())
	run(t, lp)
	is(t, raw.Control(func(uintptr) { t.Error("Control of a closed socket") }), net.ErrClosed)
}
