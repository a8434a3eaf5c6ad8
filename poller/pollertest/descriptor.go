//go:build !windows

package pollertest

import "syscall"

// makeBlocking is what os.File.Fd does to whoever else has the descriptor.
func makeBlocking(fd uintptr) error { return syscall.SetNonblock(int(fd), false) }

func closeDescriptor(fd uintptr) error { return syscall.Close(int(fd)) }
