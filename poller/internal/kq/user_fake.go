//go:build linux && kqfake && !kqpipe

package kq

import "example.com/pike/poller/internal/kqfake"

const (
	user    = kqfake.EVFILT_USER
	trigger = kqfake.NOTE_TRIGGER
)
