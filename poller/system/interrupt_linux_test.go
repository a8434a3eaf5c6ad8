package system_test

import (
	"os"

	"golang.org/x/sys/unix"
)

// interrupter sends the thread that asks for it a signal that the Go runtime ignores.
func interrupter() func() {
	pid, tid := os.Getpid(), unix.Gettid()
	return func() { unix.Tgkill(pid, tid, unix.SIGURG) }
}
