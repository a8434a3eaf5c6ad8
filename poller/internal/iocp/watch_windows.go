package iocp

import (
	"errors"

	"example.com/pike/poller"
)

// Watch is not there: to learn of the readiness of a socket, its owner's
// operations aside, Windows has only calls that wait in a thread (WSAPoll) or take
// the socket over (WSAEventSelect makes it non-blocking and has one owner).
func (p *iocp) Watch(uintptr, poller.Events, poller.WatchHandler) (poller.Watch, error) {
	return nil, errors.ErrUnsupported
}
