package main

import (
	"net/netip"
	"testing"
)

func TestInvitation(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:7000": "go run ./examples/chat -connect 127.0.0.1:7000, or nc 127.0.0.1 7000",
		"[::]:80":        "go run ./examples/chat -connect localhost:80, or nc localhost 80",
		"[::1]:9":        "go run ./examples/chat -connect [::1]:9, or nc ::1 9",
	} {
		if got := invitation(netip.MustParseAddrPort(addr), &options{}); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
