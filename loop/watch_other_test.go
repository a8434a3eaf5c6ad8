//go:build !unix

package loop_test

import (
	"testing"

	"example.com/pike/loop"
)

// watches makes what only some systems have, for tests of all there is.
func watches(*testing.T, *loop.Loop) []any { return nil }

// watchCallbacks are those of watched descriptors, which this system has not.
var watchCallbacks = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"loop.Loop.Watch":    noWatch,
	"loop.Watch.OnClose": noWatch,
}

func noWatch(t *testing.T, _ *loop.Loop, _ boom) { t.Skip("this system cannot watch descriptors") }
