package poller

// Files go from process to process over unix-domain sockets, with the bytes of a stream (unix(7),
// SCM_RIGHTS). The descriptors that carry them here are close-on-exec.

// PassMost is how many files one Send may carry. Linux takes no more (SCM_MAX_FD in
// include/net/scm.h).
const PassMost = 253

// A FilePasser is a stream that can pass files.
type FilePasser interface {
	Stream

	// PassesFiles reports whether it can: it is a unix-domain socket.
	PassesFiles() bool

	// SendFiles is Send of bufs, of which the first byte takes files along. bufs have a byte
	// at least, and files are 1 to PassMost descriptors that the FileKeeper has kept. Those,
	// and the slice, belong to the stream until the Send is done, and are dropped by the
	// caller then.
	SendFiles(bufs [][]byte, files []uintptr) (done bool)

	// TakeFiles has files that arrive told, if the handler is a FileHandler, or no more.
	// Files that are not told are closed. So is every file that comes before the first
	// TakeFiles. A stream on which it was never called costs nothing more.
	//
	// If the system loses files on their way, because this process has no room for more
	// say, that is an error of receiving, and what they came with is not told.
	TakeFiles(on bool)
}

// A FileHandler is a StreamHandler that takes files.
type FileHandler interface {
	StreamHandler

	// ReceivedFiles is Received of p, with which files have come. The FileKeeper has kept
	// them, and the handler drops them; the slice is lent. A file comes with the first byte
	// that it was sent with, or before. The system may have put bytes before that one which
	// were sent earlier. A peer may send files with no bytes on some systems; p is empty then.
	ReceivedFiles(p []byte, files []uintptr)
}

// A FileKeeper is a Poller that has descriptors for a FilePasser.
type FileKeeper interface {
	// KeepFile makes another descriptor of the file that fd is, close-on-exec. It is the
	// Poller's, until DropFile or Close.
	KeepFile(fd uintptr) (uintptr, error)

	// DropFile closes a descriptor that is kept. After Close it does nothing.
	DropFile(fd uintptr)

	// GiveFile makes a descriptor that is kept the caller's, and reports whether it was kept.
	GiveFile(fd uintptr) bool
}
