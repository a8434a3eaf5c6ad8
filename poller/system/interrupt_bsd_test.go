//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package system_test

import (
	"os"

	"golang.org/x/sys/unix"
)

// interrupter sends the process a signal that the Go runtime ignores; which thread
// has it is the system's choice.
func interrupter() func() {
	pid := os.Getpid()
	return func() { unix.Kill(pid, unix.SIGURG) }
}
