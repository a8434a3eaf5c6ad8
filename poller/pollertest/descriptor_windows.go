package pollertest

import "syscall"

func closeDescriptor(fd uintptr) error { return syscall.Closesocket(syscall.Handle(fd)) }
