//go:build !unix

package conformance

const (
	noKill  = "this system has no kill(2), SIGUSR1 or SIGUSR2 to raise"
	noWatch = "this system's readiness is of sockets alone: it has no pipe or queue to watch"
)

var _ = add(
	line{id: "G1", name: "we get signal", skip: noKill},
	line{id: "G2", name: "we get signals", skip: noKill},
	line{id: "G4", name: "multiple loops", skip: noKill},
	line{id: "G5", name: "pending on close", skip: "this system has no SIGPIPE"},
	line{id: "G9", name: "close many polls", skip: noWatch},
	line{id: "G10", name: "what cannot be polled", skip: noWatch},
	line{id: "G11", name: "two polls of one descriptor", skip: noWatch},
	line{id: "G12", name: "out-of-band data", skip: "package syscall has no Recvfrom here to read urgent data with"},
)
