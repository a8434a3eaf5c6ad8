package sys

import "golang.org/x/sys/unix"

// QuietPipe keeps a write to a pipe that nobody reads from raising SIGPIPE.
func QuietPipe(fd int) { unix.FcntlInt(uintptr(fd), unix.F_SETNOSIGPIPE, 1) }
