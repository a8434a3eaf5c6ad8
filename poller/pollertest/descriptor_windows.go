package pollertest

import "syscall"

// sharesPort is where connections share their port by SO_REUSEPORT: the BSDs and macOS want
// that, Windows has none, and elsewhere it does no harm.
const sharesPort = false

// makeBlocking does nothing: nothing is adopted here.
func makeBlocking(uintptr) error { return nil }

// fileID and closesOnExec are for files that are passed, and nothing passes files here.
func fileID(uintptr) int        { return 0 }
func closesOnExec(uintptr) bool { return false }

func closeDescriptor(fd uintptr) error { return syscall.Closesocket(syscall.Handle(fd)) }
