//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

// fionread is FIONREAD, _IOR('f', 127, int), of sys/filio.h: bytes that can be received.
const fionread = 0x4004667f
