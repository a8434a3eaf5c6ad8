//go:build linux

package system_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"example.com/pike/poller"
)

// In one batch a connected socket sends to its peer, who refuses, and to others. The refusal is
// told, and the others receive.
func TestRefusalInABatch(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		for _, k := range []int{1, 2, 3} {
			dead := bind(t, p, local, nil)
			addr := dead.Addr()
			dead.Close()
			pause(t, p, 5*time.Millisecond)
			live := bind(t, p, local, nil)
			got := 0
			live.received = func(ms []poller.Message, err error) { got += len(ms) }
			live.Start()
			s := new(packet)
			told := 0
			s.received = func(ms []poller.Message, err error) {
				if err != nil {
					if !errors.Is(err, syscall.ECONNREFUSED) {
						t.Error(err)
					}
					told++
				}
			}
			var err error
			if s.Packet, err = p.Bind(local, nil, s); err != nil {
				t.Fatal(err)
			}
			s.Start()
			if err := s.Connect(addr); err != nil {
				t.Fatal(err)
			}
			ms := []poller.Message{{Data: []byte("x"), Peer: addr.AddrPort}}
			for range k {
				ms = append(ms, poller.Message{Data: []byte("yy"), Peer: live.Addr().AddrPort})
			}
			s.Send(ms)
			until(t, p, "the refusal is told and the others have received", func() bool { return told > 0 && got == k })
		}
	})
}
