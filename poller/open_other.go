//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package poller

var backends []backend
