//go:build !unix

package conformance

const needsUnix = "it is about what only unix has; libuv runs it there alone"

var _ = add(
	line{id: "S40", name: "write fail, descriptor gone", skip: needsUnix},
	line{id: "S44", name: "oob", skip: needsUnix},
	line{id: "S48", name: "emfile", skip: needsUnix},
)
