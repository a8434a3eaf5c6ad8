//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package system

var backends []backend
