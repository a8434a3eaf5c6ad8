package client

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// endings are what a console tells, as package os/signal names it.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM}

// resizes is nothing: a console tells of its size by records of input, which reading drops.
var resizes []os.Signal

// takeOutput has a console obey escape sequences, which older ones do only if they are told to.
func takeOutput(out *os.File) (give func(), err error) {
	h := windows.Handle(out.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(h, &mode); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return nil, err
	}
	return func() { windows.SetConsoleMode(h, mode) }, nil
}
