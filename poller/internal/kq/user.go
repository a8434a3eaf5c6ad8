//go:build (darwin || dragonfly || freebsd) && !kqpipe

package kq

import "golang.org/x/sys/unix"

const (
	user    = unix.EVFILT_USER
	trigger = unix.NOTE_TRIGGER
)
