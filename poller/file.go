package poller

import "errors"

// ErrNotCached is why a file is not read, or sent, at once: what is asked for has to come from the
// disk first, or nobody can tell whether it does.
var ErrNotCached = errors.New("poller: not in the system's cache of files")

// A FileSender is a stream on which the system sends what is in files by itself, by sendfile(2).
// It is optional, and a stream of a layer has it no more.
type FileSender interface {
	// SendFile has the system send up to n bytes of the regular file fd, from off on: as many as
	// it takes at once. It waits for nobody: not for the peer, and not for the disk. The place in
	// the file that others read from stays as it was. sent is how many bytes the system has taken,
	// also where there is an error. SendFile may take less than n for no reason but that others are
	// to have their turn.
	//
	// An error is of the file, and ends nothing: [ErrNotCached], io.ErrUnexpectedEOF where the file
	// ends before off+n, what the system says of the descriptor, or errors.ErrUnsupported where
	// the system does not send such a file, or not on this stream; net.ErrClosed after Close. Nothing
	// follows then.
	//
	// Less than n without an error is as a Send that is not done: exactly one Sent follows, when
	// there is room again or with what is wrong with the connection. There must be no Send, TrySend
	// or SendFile before that. Unsent is 0 meanwhile.
	SendFile(fd uintptr, off int64, n int) (sent int, err error)
}

// A FileReader is a Poller that can read a file without waiting for the disk, by preadv2(2) with
// RWF_NOWAIT.
type FileReader interface {
	// ReadFile reads up to len(p) bytes of the file fd from off on. It may read less than there
	// is, because the rest is not cached. The error comes with no bytes: [ErrNotCached], io.EOF
	// at the file's end, or what the system says.
	ReadFile(fd uintptr, p []byte, off int64) (n int, err error)
}
