package sys

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// IsTerminal reports whether fd is a terminal.
func IsTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// reopenName is a name by which to open what fd names: proc(5) has one of each descriptor. A pipe of packets
// (pipe(2), O_DIRECT) cannot be opened as one.
func reopenName(fd, flags int, st *unix.Stat_t) string {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		if flags&unix.O_DIRECT != 0 {
			return ""
		}
	case unix.S_IFCHR:
		if _, err := unix.IoctlGetInt(fd, unix.TIOCGPTN); err == nil || !IsTerminal(fd) { // only a master has a TIOCGPTN
			return ""
		}
	default:
		return ""
	}
	return "/proc/self/fd/" + strconv.Itoa(fd)
}

// QuietPipe does nothing: the runtime ignores the SIGPIPE of such a write.
func QuietPipe(fd int) {}
