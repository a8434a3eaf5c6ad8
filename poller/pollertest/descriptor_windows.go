package pollertest

import "syscall"

// sharesPort is where connections share their port by SO_REUSEPORT: the BSDs and macOS want
// that, Windows has none, and elsewhere it does no harm.
const sharesPort = false

// makeBlocking does nothing: nothing is adopted here.
func makeBlocking(uintptr) error { return nil }

func closeDescriptor(fd uintptr) error { return syscall.Closesocket(syscall.Handle(fd)) }
