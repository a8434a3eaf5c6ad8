package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMarkdownKeepsWhatPeopleWrote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	text := "# Speed\n\nby hand\n\n" + markdownBegin + "\nold\n" + markdownEnd + "\n\n## Limits\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r := Report{Workloads: []Outcome{outcome()}}
	for range 2 { // the second finds what the first wrote
		if err := r.writeMarkdown(file); err != nil {
			t.Fatal(err)
		}
	}
	p, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(p)
	for _, want := range []string{
		"# Speed\n\nby hand\n\n", "\n\n## Limits\n", "### work", "| **pike** | 1.00 |", "**not met**", "left out: absent",
	} {
		if strings.Count(got, want) == 0 {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "old") || strings.Count(got, markdownBegin) != 1 || strings.Count(got, "### work") != 1 {
		t.Errorf("not replaced:\n%s", got)
	}
	if err := os.WriteFile(file, []byte("# Speed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.writeMarkdown(file); err == nil || !strings.Contains(err.Error(), markdownBegin) {
		t.Errorf("a file without a place for it: %v", err)
	}
}
