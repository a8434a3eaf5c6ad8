//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPath serves at a path as well.
func TestPath(t *testing.T) {
	path := filepath.Join(filepath.Dir(temporary(t)), "s")
	s := startServer(t, "-unix", path)
	s.printed("join with: " + command + " -connect " + path + "\n")
	b := named(t, s.addr, "bob")
	a := start(t, "-connect", path, "-name", "ann")
	io.WriteString(a.stdin, "hello from a path\n")
	b.next("[#lobby] ann: hello from a path")
	s.signal(os.Interrupt)
	a.printed(goodbye)
	a.ends(0)
	s.ends(0)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is left behind: %v", err)
	}
	c := start(t, "-connect", path)
	c.ends(1)
	c.logged("chat: dial unix " + path)
}
