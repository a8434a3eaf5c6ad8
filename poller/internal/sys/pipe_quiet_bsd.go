//go:build dragonfly || freebsd || netbsd || openbsd

package sys

// QuietPipe does nothing: the runtime ignores the SIGPIPE of such a write.
func QuietPipe(fd int) {}
