//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package poller

var backends []backend
