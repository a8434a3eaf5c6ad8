//go:build !linux

package poller

var backends []backend
