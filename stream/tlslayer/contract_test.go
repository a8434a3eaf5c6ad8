package tlslayer_test

import (
	"crypto/tls"
	"os"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/poller/pollertest"
	"example.com/pike/poller/sim"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/stream/tlslayer"
)

// late are the tests that a layer which shakes hands cannot pass.
var late = map[string]string{
	"C11_accepted_and_then_connected": "Connected comes when the handshake is over, and not right after Accepted: " +
		"bytes of the peer must arrive before",
}

// later are those that it cannot pass when the handshake runs beside the poller.
var later = map[string]string{
	"C11_accepted_and_then_connected": late["C11_accepted_and_then_connected"],
	"C6_endless_accepting_starves_nobody": "it dials in each Poll until others have shaken hands, and runs out of ports: " +
		"handshakes beside the loop take many Polls. Those on the loop pass it",
}

// TestContract has handshakes beside the loop, as programs have them. The others run on the loop, where they can,
// because the simulator takes ten times as long to wait for goroutines.
func TestContract(t *testing.T) {
	server, client := contractConfigs(t)
	layertest.RunExcept(t, tlslayer.Server(server, nil), tlslayer.Client(client, nil), later)
}

func TestContractOnLoop(t *testing.T) {
	if !allContracts() {
		t.Skip("TestContractOverIdentity has as much, and more; set PIKE_TEST_CONTRACTS")
	}
	server, client := contractConfigs(t)
	layertest.RunExcept(t, tlslayer.Server(server, onLoop), tlslayer.Client(client, onLoop), late)
}

func TestContractOverIdentity(t *testing.T) {
	server, client := contractConfigs(t)
	layertest.RunExcept(t,
		layer.Stack{layer.Identity{}, tlslayer.Server(server, onLoop)},
		layer.Stack{layer.Identity{}, tlslayer.Client(client, onLoop)}, late)
}

// TestContractOverTLS has TLS in TLS, as a client has that asks a proxy by https for an https server. By
// itself it is simulated. With PIKE_TEST_CONTRACTS set it runs on every backend, which takes minutes.
func TestContractOverTLS(t *testing.T) {
	server, client := contractConfigs(t)
	accepted := layer.Stack{tlslayer.Server(server, onLoop), tlslayer.Server(server, onLoop)}
	dialed := layer.Stack{tlslayer.Client(client, onLoop), tlslayer.Client(client, onLoop)}
	switch {
	case allContracts():
		layertest.RunExcept(t, accepted, dialed, late)
	case testing.Short():
		t.Skip("it takes a minute")
	default:
		pollertest.RunStreams(t, func(testing.TB) poller.Poller {
			return layertest.Over(sim.New(0, sim.Config{}).Host("host"), accepted, dialed)
		}, late)
	}
}

// allContracts says that those are wanted, too, of which each clause runs in another one.
func allContracts() bool { return os.Getenv("PIKE_TEST_CONTRACTS") != "" }

var onLoop = &tlslayer.Options{OnLoop: true}

// contractConfigs take the name from what is dialed.
func contractConfigs(t *testing.T) (server, client *tls.Config) {
	server, client = configs(t)
	client.ServerName = ""
	return server, client
}
