package stream_test

import (
	"fmt"
	"os"
	"testing"

	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/stream/layer"
)

// testLayerCount is how many layers each connection of the tests has.
var testLayerCount int

// testLayers are those that PIKE_TEST_LAYER names.
var testLayers = map[string]poller.Layer{
	"identity":  layer.Identity{},
	"identity2": layer.Stack{layer.Identity{}, layer.Identity{}},
}

// layerName is PIKE_TEST_LAYER: every connection of the tests goes through that layer.
var layerName = os.Getenv("PIKE_TEST_LAYER")

func TestMain(m *testing.M) {
	if layerName != "" {
		l, ok := testLayers[layerName]
		if !ok {
			fmt.Println("PIKE_TEST_LAYER: there is no layer", layerName)
			os.Exit(2)
		}
		if testLayerCount = 1; layerName == "identity2" {
			testLayerCount = 2
		}
		stream.LayerAll(func(bool) poller.Layer { return l })
	}
	os.Exit(m.Run())
}
