//go:build unix

package handover_test

import (
	"os"
	"testing"
)

// The tests' program is a process that inherits, too: what it does then says the variable.
const role = "PIKE_TEST_HANDOVER"

func TestMain(m *testing.M) {
	if play, ok := roles[os.Getenv(role)]; ok {
		os.Exit(play())
	}
	os.Exit(m.Run())
}
