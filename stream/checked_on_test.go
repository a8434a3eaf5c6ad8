//go:build race || pikedebug || kqfake

package stream_test

// checked says that every method looks whether it is on the loop's goroutine,
// which costs memory, or that the system is a model, which does too.
const checked = true
