//go:build !linux

package conformance

const noTerminals = "how to open a pseudo-terminal depends on the system"

var _ = add(
	line{id: "Y1", name: "tty", skip: noTerminals},
	line{id: "Y2", name: "tty of a file", skip: noTerminals},
	line{id: "Y3", name: "tty pty", skip: noTerminals},
	line{id: "Y4", name: "tty large write", skip: noTerminals},
)
