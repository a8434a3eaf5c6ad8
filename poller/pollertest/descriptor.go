//go:build !windows

package pollertest

import "syscall"

func closeDescriptor(fd uintptr) error { return syscall.Close(int(fd)) }
