//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sys

// IovecsPerSend is how many pieces of memory one send takes.
const IovecsPerSend = 64
