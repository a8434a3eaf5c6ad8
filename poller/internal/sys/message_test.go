package sys_test

import (
	"bytes"
	"fmt"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/internal/sys"
)

func TestMessageDatagrams(t *testing.T) {
	data := make([]byte, 100)
	for i := range data {
		data[i] = byte(i)
	}
	for _, c := range []struct {
		size, segment int
		want          string // the sizes
	}{
		{0, 0, "[0]"}, {0, 10, "[0]"}, {5, 0, "[5]"}, {5, 10, "[5]"}, {10, 10, "[10]"}, {11, 10, "[10 1]"},
		{20, 10, "[10 10]"}, {29, 10, "[10 10 9]"}, {3, 1, "[1 1 1]"}, {5, -1, "[5]"},
	} {
		m := poller.Message{Data: data[:c.size], Segment: c.segment}
		var sizes []int
		var all []byte
		for p := range m.Datagrams() {
			sizes, all = append(sizes, len(p)), append(all, p...)
		}
		if got := fmt.Sprint(sizes); got != c.want || m.Count() != len(sizes) || !bytes.Equal(all, m.Data) {
			t.Errorf("%d bytes in segments of %d: %s, Count %d, want %s", c.size, c.segment, got, m.Count(), c.want)
		}
		var alone []int
		for cut, last := 0, false; !last; {
			var p []byte
			p, last = sys.NextOf(&m, cut)
			cut, alone = cut+len(p), append(alone, len(p))
		}
		if got := fmt.Sprint(alone); got != c.want {
			t.Errorf("%d bytes in segments of %d: sent alone %s, want %s", c.size, c.segment, got, c.want)
		}
	}
	for range (poller.Message{Data: data, Segment: 10}).Datagrams() {
		break // which must not call back
	}
}
