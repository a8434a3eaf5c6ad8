package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlotsOfAllThatWasMeasured(t *testing.T) {
	dir := t.TempDir()
	r := Report{Workloads: []Outcome{outcome()}}
	if err := r.writePlots(dir); err != nil {
		t.Fatal(err)
	}
	p, err := os.ReadFile(filepath.Join(dir, "work.svg"))
	if err != nil || !strings.Contains(string(p), "<svg") || !strings.Contains(string(p), "pike") || strings.Contains(string(p), "absent") {
		t.Errorf("%v: %.200s", err, p)
	}
}
