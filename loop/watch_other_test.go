//go:build !unix

package loop_test

import (
	"testing"

	"example.com/pike/loop"
)

// watches makes what only some systems have, for tests of all there is.
func watches(*testing.T, *loop.Loop) []any { return nil }
