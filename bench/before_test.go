package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestBefore holds that -before runs pike beside itself, first the other checkout's, and nobody else.
func TestBefore(t *testing.T) {
	for _, name := range []string{"tcp-echo-64B-100", "tcp-broadcast", "idle-memory"} {
		chosen, err := choose(workloads(), settings{only: name, before: ".."})
		if err != nil {
			t.Fatal(name, err)
		}
		for _, w := range chosen {
			if len(w.Peers) < 2 || w.Peers[0].Name != earlier || w.Peers[1].Name != subject {
				t.Fatalf("%s: peers %v", w.Name, w.Peers)
			}
			was, is := w.Peers[0].Program, w.Peers[1].Program
			if was == is || was.dir != filepath.Join("..", "bench", is.dir) || !strings.HasPrefix(was.name, earlier) || len(w.Goals) > 0 {
				t.Errorf("%s: %+v beside %+v, goals %v", w.Name, was, is, w.Goals)
			}
		}
	}
	if _, err := choose(workloads(), settings{only: "tcp-echo", before: t.TempDir()}); err == nil {
		t.Error("a folder without pike was accepted")
	}
}
