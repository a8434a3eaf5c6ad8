//go:build !linux

package pipe

import "os"

// handleOf is nil, so that a goroutine waits for the child.
func handleOf(*os.Process) *os.File { return nil }
