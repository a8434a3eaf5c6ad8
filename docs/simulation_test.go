package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSimulationExample holds that the first test of docs/simulation.md is one that runs: poller/sim/echo_test.go from
// its first function on.
func TestSimulationExample(t *testing.T) {
	root := moduleRoot(t)
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(data), "\r\n", "\n")
	}
	_, after, _ := strings.Cut(read("docs/simulation.md"), "\n```go\n")
	block, _, _ := strings.Cut(after, "```\n")
	_, source, found := strings.Cut(read("poller/sim/echo_test.go"), "\n)\n\n")
	if !found || block != source {
		t.Errorf("docs/simulation.md begins with\n%s\nand poller/sim/echo_test.go has\n%s", block, source)
	}
}
