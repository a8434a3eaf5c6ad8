package pollertest

import (
	"errors"
	"syscall"
)

// The errors that programs look for, by the names of package syscall. A backend
// whose system has numbers of its own, as Winsock has, answers to these too.
const (
	faultRefused = syscall.ECONNREFUSED
	faultReset   = syscall.ECONNRESET
	faultInUse   = syscall.EADDRINUSE
	faultNoAddr  = syscall.EADDRNOTAVAIL
	faultTooBig  = syscall.EMSGSIZE
	faultEnded   = syscall.EPIPE
	faultFamily  = syscall.EAFNOSUPPORT
	faultNoPeer  = syscall.EDESTADDRREQ
)

// is holds that err is the fault.
func (r *rig) is(what string, err error, fault syscall.Errno) {
	r.Helper()
	if fault = r.inFamily(fault); !errors.Is(err, fault) {
		r.Errorf("%s: %v, want %v", what, err, fault)
	}
}

func (r *rig) noError(what string, err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}
