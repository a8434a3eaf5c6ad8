// Package kq is the kernel half of the kqueue backend: kevent(2) as the systems
// that have it agree on it, and the two ways of waking one that waits. On Linux,
// with the build tag kqfake, the kernel is the model of package kqfake. The tag
// kqpipe takes the pipe for wake-ups where there is EVFILT_USER too.
package kq
