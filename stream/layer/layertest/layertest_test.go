package layertest_test

import (
	"testing"

	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
)

func TestContractOverIdentity(t *testing.T) { layertest.Run(t, layer.Identity{}, layer.Identity{}) }

// TestContractOverTwo has a layer on a layer.
func TestContractOverTwo(t *testing.T) {
	two := layer.Stack{layer.Identity{}, layer.Identity{}}
	layertest.Run(t, two, two)
}
