//go:build !unix

package sim

import "os"

// An unsent is a signal that nobody can send, because the system has none that pauses.
type unsent struct{ name string }

func (s *unsent) String() string { return s.name }

func (*unsent) Signal() {}

var stopSignal, continueSignal os.Signal = &unsent{"stop"}, &unsent{"continue"}
