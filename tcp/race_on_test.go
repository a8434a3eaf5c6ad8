//go:build race || pikedebug

package tcp_test

// checked says that every method looks whether it is on the loop's goroutine,
// which costs memory.
const checked = true
