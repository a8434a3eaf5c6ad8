package pollertest

import "syscall"

// makeBlocking does nothing: nothing is adopted here.
func makeBlocking(uintptr) error { return nil }

func closeDescriptor(fd uintptr) error { return syscall.Closesocket(syscall.Handle(fd)) }
