//go:build darwin || dragonfly || freebsd || netbsd || openbsd || (linux && kqfake)

package poller

var backends = []backend{{"kqueue", NewKqueue}}
