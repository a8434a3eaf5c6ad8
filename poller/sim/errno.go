package sim

import (
	"os"
	"syscall"
)

// An errno is an error of the simulated system. It is what the trace hashes,
// since the numbers of package syscall differ between systems.
type errno uint8

const (
	eOK errno = iota
	eACCES
	eADDRINUSE
	eADDRNOTAVAIL
	eAFNOSUPPORT
	eBADF
	eCONNREFUSED
	eCONNRESET
	eDESTADDRREQ
	eINVAL
	eMFILE
	eMSGSIZE
	eNETUNREACH
	eNODEV
	eNOENT
	ePIPE
	eTIMEDOUT
	eCLOSED // net.ErrClosed, for the trace
	eAGAIN
	eNAMETOOLONG
	errnoCount
)

// errnos are the errors by number. They are only those whose names package syscall has on
// every system, Windows included.
var errnos = [errnoCount]struct {
	name string
	err  syscall.Errno
}{
	eOK:           {"ok", 0},
	eACCES:        {"EACCES", syscall.EACCES},
	eADDRINUSE:    {"EADDRINUSE", syscall.EADDRINUSE},
	eADDRNOTAVAIL: {"EADDRNOTAVAIL", syscall.EADDRNOTAVAIL},
	eAFNOSUPPORT:  {"EAFNOSUPPORT", syscall.EAFNOSUPPORT},
	eAGAIN:        {"EAGAIN", syscall.EAGAIN},
	eBADF:         {"EBADF", syscall.EBADF},
	eCONNREFUSED:  {"ECONNREFUSED", syscall.ECONNREFUSED},
	eCONNRESET:    {"ECONNRESET", syscall.ECONNRESET},
	eDESTADDRREQ:  {"EDESTADDRREQ", syscall.EDESTADDRREQ},
	eINVAL:        {"EINVAL", syscall.EINVAL},
	eMFILE:        {"EMFILE", syscall.EMFILE},
	eMSGSIZE:      {"EMSGSIZE", syscall.EMSGSIZE},
	eNAMETOOLONG:  {"ENAMETOOLONG", syscall.ENAMETOOLONG},
	eNETUNREACH:   {"ENETUNREACH", syscall.ENETUNREACH},
	eNODEV:        {"ENODEV", syscall.ENODEV},
	eNOENT:        {"ENOENT", syscall.ENOENT},
	ePIPE:         {"EPIPE", syscall.EPIPE},
	eTIMEDOUT:     {"ETIMEDOUT", syscall.ETIMEDOUT},
	eCLOSED:       {"closed", 0},
}

func (e errno) String() string { return errnos[e].name }

// of is the error as a backend reports it: with the call that failed.
func (e errno) of(call string) error {
	if e == eOK {
		return nil
	}
	return os.NewSyscallError(call, errnos[e].err)
}
