package poller

import (
	"fmt"
	"os"
)

// A SocketFile says what a listener does with the file that the system makes at its Path. The
// zero SocketFile is what servers want: a file that a server which died has left is taken over,
// and Close removes the file. An abstract name of Linux has no file.
type SocketFile struct {
	// Mode is the file's permission bits from the first moment in which somebody can connect;
	// 0 leaves them to the process's umask. To connect a process needs to write to the file
	// (unix(7)). For an abstract name, which has no permissions, a Mode is an error.
	Mode os.FileMode

	// Keep has Close, and the Poller's Close, leave the file where it is.
	Keep bool

	// NoTakeover has Listen fail with EADDRINUSE also if nobody has the socket at the path any more.
	NoTakeover bool
}

// check names a Mode that is more than permissions.
func (f *SocketFile) check() error {
	if f.Mode&^os.ModePerm != 0 {
		return &OptionError{"Mode", fmt.Sprintf("%#o", uint32(f.Mode)), "permission bits, at most 0777"}
	}
	return nil
}

// NoMode is the error of a Mode for a name that has no file.
func (f *SocketFile) NoMode() error {
	if f.Mode == 0 {
		return nil
	}
	return &OptionError{"Mode", fmt.Sprintf("%#o", uint32(f.Mode)), "an abstract name has no permissions"}
}

// A Cred says which process has the other end of a unix-domain socket, and for whom it runs.
type Cred struct {
	PID int // 0 where the system does not say, or cannot: the process is in another PID namespace, say
	UID int // effective user
	GID int // effective group
}

// A Credentialed is a stream whose system knows the peer's credentials.
type Credentialed interface {
	// PeerCred is who the peer was when it connected, or, if it was dialed, when it began to
	// listen. errors.ErrUnsupported if the stream is none of a unix domain, or the system
	// does not tell.
	PeerCred() (Cred, error)
}
