package pollertest

import (
	"maps"
	"strings"
)

// What Wine does differently from Windows, by the tests of the suite that show it. The sockets of Wine are those of the Linux below.
var (
	wineBreaks = map[string]string{
		"Bind_to_an_address_that_is_not_here": "Wine binds a datagram socket to all addresses, and looks at the interface",
		"Connect_to_nothing_dissolves":        "Wine has the Linux below take the port away with the peer",
		"Multicast_of_one_source":             "Wine hands IP_ADD_SOURCE_MEMBERSHIP to Linux as it is, where its fields have another order",
		"Multicast_group_of_another_socket":   "Wine leaves IP_MULTICAST_ALL of the Linux below on",
	}
	wine8Breaks = map[string]string{
		"Connect_refused_ends_nothing":   "Wine 8 waits no more for what a datagram socket receives after an error",
		"C3_reset_after_data_data_first": "Wine 8 forgets a reset that comes while no receive is pending",
	}
)

// BrokenBelow are the tests that fail for the sake of what is below this system, which no
// backend can mend, by name, and what that is: for RunExcept.
func BrokenBelow() map[string]string {
	version := Wine()
	if version == "" {
		return nil
	}
	broken := maps.Clone(wineBreaks)
	if strings.HasPrefix(version, "8.") {
		maps.Copy(broken, wine8Breaks)
	}
	return broken
}
