package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	for _, args := range []string{"-max 0", "-idle -1s", "-name x", "extra", "-tls", "-tls-fingerprint x",
		"-tls-cert x", "-tls-self -tls-cert x -tls-key y", "-connect x:1 -tls-self", "-nonsense", "-max x"} {
		c := start(t, strings.Fields(args)...)
		c.ends(2)
		if c.stderr.String() == "" {
			t.Errorf("%s: no word", args)
		}
	}
	s := startServer(t)
	c := start(t, "-listen", s.addr)
	c.ends(1)
	c.logged("chat: listen tcp " + s.addr)
	c = start(t, "-listen", "127.0.0.1:0", "-transcript", filepath.Join(temporary(t), "no", "such", "folder"))
	c.ends(1)
}
