package pipe

import "example.com/pike/stream"

// These are types of package stream, which documents their methods.
type (
	Conn    = stream.Conn    // a pipe, or a side of one
	Options = stream.Options // what it is opened with
)

const network = "pipe"
