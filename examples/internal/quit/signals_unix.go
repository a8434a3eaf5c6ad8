//go:build unix

package quit

import (
	"os"
	"syscall"
)

var signals = []os.Signal{syscall.SIGQUIT}
