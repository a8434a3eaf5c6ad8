//go:build !linux

package pipe

import "os"

// alone does nothing: pipes are not opened anew here.
func alone(*os.File) {}

// handleOf is nil, so that a goroutine waits for the child.
func handleOf(*os.Process) *os.File { return nil }
