package pollertest

import (
	"errors"
	"syscall"
)

// A fault is what a system may call one and the same error: a backend for
// Windows may keep the numbers of Winsock, which are not those of package syscall
// and mean nothing elsewhere.
type fault []syscall.Errno

var (
	faultRefused = fault{syscall.ECONNREFUSED, 10061}
	faultReset   = fault{syscall.ECONNRESET, 10054}
	faultInUse   = fault{syscall.EADDRINUSE, 10048}
	faultNoAddr  = fault{syscall.EADDRNOTAVAIL, 10049}
	faultTooBig  = fault{syscall.EMSGSIZE, 10040}
)

func (f fault) is(err error) bool {
	for _, e := range f {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// is holds that err is the fault.
func (r *rig) is(what string, err error, f fault) {
	r.Helper()
	if !f.is(err) {
		r.Errorf("%s: %v, want %v", what, err, f[0])
	}
}

func (r *rig) noError(what string, err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}
