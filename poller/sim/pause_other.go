//go:build !unix

package sim

import "os"

// unsent is a signal that nobody can send, because the system has none that pauses.
type unsent struct{ os.Signal }

var stopSignal, continueSignal os.Signal = &unsent{}, &unsent{}
