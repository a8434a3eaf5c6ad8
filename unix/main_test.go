//go:build !windows

package unix_test

import (
	"os"
	"testing"
)

// TestMain has the test binary be the other process where the environment says so.
func TestMain(m *testing.M) {
	if path := os.Getenv(serverEnv); path != "" {
		os.Exit(serve(path))
	}
	if path := os.Getenv(workerEnv); path != "" {
		if err := work(path); err != nil {
			os.Stderr.WriteString("worker: " + err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
