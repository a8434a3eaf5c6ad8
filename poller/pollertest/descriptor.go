//go:build !windows

package pollertest

import "syscall"

// sharesPort is where connections share their port by SO_REUSEPORT: the BSDs and macOS want
// that, Windows has none, and elsewhere it does no harm.
const sharesPort = true

// makeBlocking is what os.File.Fd does to whoever else has the descriptor.
func makeBlocking(fd uintptr) error { return syscall.SetNonblock(int(fd), false) }

func closeDescriptor(fd uintptr) error { return syscall.Close(int(fd)) }
