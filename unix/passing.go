package unix

import (
	"syscall"

	"example.com/pike/stream"
)

// A Passed is a file that was passed to this process; see OnPassed.
type Passed = stream.Passed

// WriteFiles writes p, whose first byte takes files along to the process at the other end: open
// files, and sockets of package net and of pike. It is [stream.WriteFiles].
func WriteFiles(c *Conn, p []byte, files ...syscall.Conn) error {
	return stream.WriteFiles(c, p, files...)
}

// WriteConn writes p, and hands a connection over to the process at the other end, where it goes on. It
// is [stream.WriteConn].
func WriteConn(c *Conn, p []byte, passed *Conn) error { return stream.WriteConn(c, p, passed) }

// OnPassed sets what is called with files that arrive, before the OnRead with the bytes that they
// were written with. fn closes nothing: what it has not taken when it returns is closed. It is [stream.OnPassed].
func OnPassed(c *Conn, fn func(c *Conn, files []*Passed)) error { return stream.OnPassed(c, fn) }
