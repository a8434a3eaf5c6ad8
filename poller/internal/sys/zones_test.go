package sys

import (
	"net"
	"testing"
)

// TestZones has the names and numbers of all interfaces found, and asks once for many.
func TestZones(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		t.Skip("this machine tells no interfaces: ", err)
	}
	for _, z := range []*Zones{nil, new(Zones)} {
		for _, i := range all {
			if name := z.name(uint32(i.Index)); name != i.Name {
				t.Errorf("interface %d is %q, want %q", i.Index, name, i.Name)
			}
			if n, ok := z.find(i.Name); !ok || int(n) != i.Index {
				t.Errorf("interface %q is %d, %v, want %d", i.Name, n, ok, i.Index)
			}
		}
		for zone, want := range map[string]bool{"0": false, "": false, "no-such-zone": false, "77": true} {
			if n, ok := z.find(zone); ok != want {
				t.Errorf("zone %q is interface %d, %v", zone, n, ok)
			}
		}
		if name := z.name(1 << 30); name != "1073741824" {
			t.Errorf("an interface that is none is %q", name)
		}
	}
	z := new(Zones)
	one := uint32(all[0].Index)
	z.name(one)
	at := z.at
	for range 100 {
		z.name(one)
	}
	if z.at = z.at.Add(-zonesAge); z.fresh() {
		t.Error("what is known stays so for good")
	}
	if z.name(one); !z.at.After(at.Add(-zonesAge)) {
		t.Error("what is old was not asked again")
	}
}
