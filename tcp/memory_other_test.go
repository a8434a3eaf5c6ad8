//go:build !windows

package tcp_test

// idleConnBytes bounds what an idle connection takes of the heap.
const idleConnBytes = 260
