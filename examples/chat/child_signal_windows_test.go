package main

import (
	"os"
	"syscall"
)

// signal does in the child what its console does when the user ends it: a thread that runs CtrlRoutine, for Ctrl-C or the
// close of the window. System libraries are at the same address in all processes.
func (c *child) signal(s os.Signal) {
	c.t.Helper()
	event := map[os.Signal]uintptr{os.Interrupt: 0, syscall.SIGTERM: 2}[s]
	routine := syscall.NewLazyDLL("kernelbase.dll").NewProc("CtrlRoutine")
	if err := routine.Find(); err != nil {
		c.t.Skip("this system does not give out its CtrlRoutine: ", err)
	}
	const allAccess = 0x1fffff // PROCESS_ALL_ACCESS
	process, err := syscall.OpenProcess(allAccess, false, uint32(c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal("OpenProcess: ", err)
	}
	defer syscall.CloseHandle(process)
	h, _, err := syscall.NewLazyDLL("kernel32.dll").NewProc("CreateRemoteThread").Call(uintptr(process), 0, 0, routine.Addr(), event, 0, 0)
	if h == 0 {
		c.t.Fatal("CreateRemoteThread: ", err)
	}
	syscall.CloseHandle(syscall.Handle(h))
}
