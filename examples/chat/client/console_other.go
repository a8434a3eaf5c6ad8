//go:build !windows

package client

import (
	"os"
	"syscall"
)

// endings are the signals that end a client. SIGQUIT is one because Go's own answer to it would leave the terminal as
// it is.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// resizes tell that the window has another size.
var resizes = []os.Signal{syscall.SIGWINCH}

// takeOutput has nothing to do: terminals obey escape sequences.
func takeOutput(*os.File) (give func(), err error) { return func() {}, nil }
