package main

import (
	"fmt"
	"net/netip"

	"example.com/pike/examples/chat/server"
)

// A door is a way into the server.
type door struct {
	name string
	open func(*server.Server, *options) (said string, err error) // said is what to tell users, or nothing
}

// doors are opened in this order, once the server is there.
var doors = []door{
	{"terminals", forTerminals},
	{"browsers", forBrowsers},
	{"paths", forPaths},
}

// forTerminals is open already: it is what server.Listen listens on.
func forTerminals(srv *server.Server, o *options) (string, error) {
	return fmt.Sprintf("listening on %v\njoin with: %s", srv.Addr(), invitation(srv.Addr(), o)), nil
}

// webDefault is where the page is, if that is free.
const webDefault = "127.0.0.1:7080"

func forBrowsers(srv *server.Server, o *options) (string, error) {
	if o.web == "" {
		return "", nil
	}
	web, err := srv.ListenWeb(o.web, server.WebOptions{Fallback: o.web == webDefault, Layer: o.layer})
	if err != nil {
		return "", err
	}
	return fmt.Sprint("or in a browser: ", web), nil
}

func forPaths(srv *server.Server, o *options) (string, error) {
	if o.unix == "" {
		return "", nil
	}
	return fmt.Sprintf("listening on %s\njoin with: %s -connect %s", o.unix, command, o.unix), srv.ListenUnix(o.unix)
}

// command is how a reader of README runs this program.
const command = "go run ./examples/chat"

// invitation is a line that says how to join a server on addr from its own machine.
func invitation(addr netip.AddrPort, o *options) string {
	ip, at := addr.Addr().String(), addr.String()
	if addr.Addr().IsUnspecified() {
		ip, at = "localhost", fmt.Sprint("localhost:", addr.Port())
	}
	switch {
	case o.pin != "":
		return fmt.Sprintf("%s -connect %s -tls-fingerprint %s", command, at, o.pin)
	case o.secure.On():
		return fmt.Sprintf("%s -connect %s -tls", command, at)
	}
	return fmt.Sprintf("%s -connect %s, or nc %s %d", command, at, ip, addr.Port())
}
