package tlslayer_test

import (
	"testing"

	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/stream/tlslayer"
)

func TestContractOwnRecords(t *testing.T) {
	if !allContracts() {
		t.Skip("TestContractOwnRecordsOnLoop has the same records; set PIKE_TEST_CONTRACTS")
	}
	server, client := contractConfigs(t)
	o := &tlslayer.Options{OwnRecords: true}
	layertest.RunExcept(t, tlslayer.Server(server, o), tlslayer.Client(client, o), later)
}

func TestContractOwnRecordsOnLoop(t *testing.T) {
	server, client := contractConfigs(t)
	o := &tlslayer.Options{OwnRecords: true, OnLoop: true}
	layertest.RunExcept(t,
		layer.Stack{layer.Identity{}, tlslayer.Server(server, o)}, layer.Stack{layer.Identity{}, tlslayer.Client(client, o)}, late)
}
