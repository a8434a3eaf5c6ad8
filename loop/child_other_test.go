//go:build !unix

package loop_test

import (
	"testing"

	"example.com/pike/loop"
)

// childCallbacks are those of child processes, which this system has not.
var childCallbacks = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"pipe.Process.OnExit": func(t *testing.T, _ *loop.Loop, _ boom) { t.Skip("package pipe starts no children on this system") },
}
