//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poller_test

func abstractNames() []string { return nil }
