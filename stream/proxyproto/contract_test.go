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

// TestContract has each stream that is dialed send a header, and each that is accepted read it.
func TestContract(t *testing.T) {
	layertest.Run(t, proxyproto.Server(everybody), proxyproto.Client(nil))
}

// TestContractPassed has the connections of others than proxies.
func TestContractPassed(t *testing.T) {
	passed := proxyproto.Server(&proxyproto.Options{PassUntrusted: true})
	layertest.Run(t, passed, passed)
}

// TestContractUnder has a layer above, as TLS is.
func TestContractUnder(t *testing.T) {
	layertest.Run(t, layer.Stack{proxyproto.Server(everybody), layer.Identity{}}, layer.Stack{layer.Identity{}, proxyproto.Client(nil)})
}
