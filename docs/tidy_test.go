// Package docs_test holds the tree to those rules of the project that no compiler holds: which package may import
// which, how long files and functions may grow, what a doc comment must cover, and that the documents tell the truth
// about files and commands. Each finding says file:line and the rule it breaks.
package docs_test

import (
	"testing"
)

// The rules. Each reads the whole tree, so that a sample tree in rules_test.go can show that it is able to fail.
var rules = []struct {
	name  string
	check func(*tree) []finding
}{
	{"import-arrow", importArrows},
	{"platform-branch", platformBranches},
	{"file-budget", fileBudgets},
	{"leftover-mark", leftoverMarks},
	{"line-length", lineLengths},
	{"package-comment", packageComments},
	{"doc-comment", docComments},
	{"machine-word", machineWords},
	{"dead-link", deadLinks},
	{"unknown-example", unknownExamples},
}

// TestTidy reads the sources themselves, so it sees the files of every platform at once.
func TestTidy(t *testing.T) {
	tr := loadTree(t)
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, f := range rule.check(tr) {
				t.Errorf("%v: %s", f, rule.name)
			}
		})
	}
}
