//go:build !windows

package stream_test

// tellsAcknowledged is whether the system tells what a peer has acknowledged.
const tellsAcknowledged = true
