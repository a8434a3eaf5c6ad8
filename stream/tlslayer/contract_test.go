package tlslayer_test

import (
	"crypto/tls"
	"testing"

	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/stream/tlslayer"
)

// late are the tests that a layer which shakes hands cannot pass.
var late = map[string]string{
	"C11_accepted_and_then_connected": "Connected comes when the handshake is over, and not right after Accepted",
}

// later are those that it cannot pass when the handshake runs beside the poller.
var later = map[string]string{
	"C11_accepted_and_then_connected":     late["C11_accepted_and_then_connected"],
	"C6_endless_accepting_starves_nobody": "it dials in each Poll until others have shaken hands, and runs out of ports",
}

func TestContract(t *testing.T) {
	server, client := contractConfigs(t)
	layertest.RunExcept(t, tlslayer.Server(server, nil), tlslayer.Client(client, nil), later)
}

func TestContractOnLoop(t *testing.T) {
	server, client := contractConfigs(t)
	o := &tlslayer.Options{OnLoop: true}
	layertest.RunExcept(t, tlslayer.Server(server, o), tlslayer.Client(client, o), late)
}

func TestContractOverIdentity(t *testing.T) {
	server, client := contractConfigs(t)
	layertest.RunExcept(t,
		layer.Stack{layer.Identity{}, tlslayer.Server(server, nil)}, layer.Stack{layer.Identity{}, tlslayer.Client(client, nil)}, later)
}

// TestContractOverTLS has TLS in TLS, as a client has that asks a proxy by https for an https server.
func TestContractOverTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	server, client := contractConfigs(t)
	o := &tlslayer.Options{OnLoop: true}
	layertest.RunExcept(t,
		layer.Stack{tlslayer.Server(server, o), tlslayer.Server(server, o)},
		layer.Stack{tlslayer.Client(client, o), tlslayer.Client(client, o)}, late)
}

// contractConfigs take the name from what is dialed.
func contractConfigs(t *testing.T) (server, client *tls.Config) {
	server, client = configs(t)
	client.ServerName = ""
	return server, client
}
