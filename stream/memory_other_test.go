//go:build !windows

package stream_test

// idleConnBytes bounds what an idle connection takes of the heap.
const idleConnBytes = 260
