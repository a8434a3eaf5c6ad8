//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package system

import "example.com/pike/poller/internal/readiness"

var backends = []backend{{readiness.Name, readiness.New}}
