//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package system_test

func abstractNames() []string { return nil }
