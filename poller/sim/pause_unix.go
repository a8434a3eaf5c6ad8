//go:build unix

package sim

import (
	"os"
	"syscall"
)

// The signals that pause a process and have it go on, which no process can refuse (signal(7)).
var (
	stopSignal     os.Signal = syscall.SIGSTOP
	continueSignal os.Signal = syscall.SIGCONT
)
