//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// IsTerminal reports whether fd is a terminal.
func IsTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TIOCGETA)
	return err == nil
}

// reopenName is a name by which to open what fd names, as ttyname(3) finds it: by its device
// number. To open /dev/fd/N is a dup here, and so a pipe cannot be opened anew. The master's
// side of a pseudo-terminal has other names.
func reopenName(fd, _ int, st *unix.Stat_t) string {
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || !IsTerminal(fd) {
		return ""
	}
	for _, dir := range [...]string{"/dev", "/dev/pts"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			var is unix.Stat_t
			if (dir == "/dev/pts" || strings.HasPrefix(e.Name(), "tty")) && e.Name() != "tty" &&
				unix.Stat(name, &is) == nil && is.Mode&unix.S_IFMT == unix.S_IFCHR && is.Rdev == st.Rdev {
				return name
			}
		}
	}
	return ""
}
