//go:build unix

package handover

import (
	"os"
	"syscall"
)

// inherit makes files of the descriptors from firstFD on, and of that of the pipe unless it is negative. They are of
// no child from here on. Descriptors that are open stay so after an error.
func inherit(names []string, ready int) (*Given, error) {
	g := new(Given)
	for i := range names {
		if err := isOpen(firstFD + i); err != nil {
			return nil, err
		}
	}
	if ready >= 0 {
		if err := isOpen(ready); err != nil {
			return nil, err
		}
		syscall.CloseOnExec(ready)
		g.ready = os.NewFile(uintptr(ready), "ready")
	}
	for i, name := range names {
		syscall.CloseOnExec(firstFD + i)
		g.files = append(g.files, os.NewFile(uintptr(firstFD+i), name))
	}
	return g, nil
}

func isOpen(fd int) error {
	var st syscall.Stat_t
	return os.NewSyscallError("fstat", syscall.Fstat(fd, &st))
}
