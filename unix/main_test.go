//go:build !windows

package unix_test

import (
	"os"
	"testing"
)

// TestMain has the test binary be a server where the environment says so.
func TestMain(m *testing.M) {
	if path := os.Getenv(serverEnv); path != "" {
		os.Exit(serve(path))
	}
	os.Exit(m.Run())
}
