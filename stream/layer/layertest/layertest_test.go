package layertest_test

import (
	"strings"
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

// TestContractOverGreeting has a layer that shakes hands, and one whose handshake leaves the loop
// on top of another.
func TestContractOverGreeting(t *testing.T) {
	long := layertest.Greeting{Word: strings.Repeat("how do you do, ", 100)}
	layertest.Run(t, long, long)
}

func TestContractOverGreetings(t *testing.T) {
	two := layer.Stack{layertest.Greeting{Word: "hello"}, layertest.Greeting{Word: "ahoy", Work: func() {}}}
	layertest.Run(t, two, two)
}
