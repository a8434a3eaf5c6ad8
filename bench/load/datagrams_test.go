package load

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
)

// answerPackets has f answer each datagram, until the test ends.
func answerPackets(t *testing.T, f func(c net.PacketConn, p []byte, from net.Addr)) string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		p := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFrom(p)
			if err != nil {
				return
			}
			f(c, p[:n], from)
		}
	}()
	return c.LocalAddr().String()
}

func TestDatagramsThatNobodyAskedFor(t *testing.T) {
	for what, c := range map[string]struct {
		load   func([]string) (any, error)
		answer []byte
		want   string
	}{
		"wrong bytes":   {datagramDrainMain, make([]byte, 1024), "1024 wrong bytes came"},
		"a wrong size":  {datagramDrainMain, periodic(1024, 1000), "1000 wrong bytes came"},
		"a wrong count": {datagramFillMain, binary.LittleEndian.AppendUint64(nil, 7), "7 datagrams acknowledged after 0"},
	} {
		start := func() string {
			return answerPackets(t, func(pc net.PacketConn, _ []byte, from net.Addr) { pc.WriteTo(c.answer, from) })
		}
		err := try(c.load, start, c.want)
		if err != nil && strings.Contains(err.Error(), "root") {
			t.Skip(err)
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
