package proxyproto_test

import (
	"net/netip"
	"testing"

	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/stream/proxyproto"
)

// everybody is trusted, as the suite comes from where it likes.
var everybody = &proxyproto.Options{
	Trusted:   []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	TrustUnix: true,
}

// except is what a layer cannot do that waits for a header from the peer.
var except = map[string]string{
	"C11_accepted_and_then_connected": "Connected waits for the header, and the next is accepted meanwhile",
	"Adopt_a_released_stream":         "the header was read before, and none comes again",
	"Release_in_upcalls":              "what is adopted has no header again",
}

// TestContract has each stream that is dialed send a header, and each that is accepted read it.
func TestContract(t *testing.T) {
	layertest.RunExcept(t, proxyproto.Server(everybody), proxyproto.Client(nil), except)
}

// TestContractPassed has the connections of others than proxies.
func TestContractPassed(t *testing.T) {
	passed := proxyproto.Server(&proxyproto.Options{PassUntrusted: true})
	layertest.Run(t, passed, passed)
}

// TestContractUnder has a layer above, as TLS is.
func TestContractUnder(t *testing.T) {
	layertest.RunExcept(t, layer.Stack{proxyproto.Server(everybody), layer.Identity{}},
		layer.Stack{layer.Identity{}, proxyproto.Client(nil)}, except)
}
