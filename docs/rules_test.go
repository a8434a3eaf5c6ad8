package docs_test

import (
	"slices"
	"strings"
	"testing"
)

// samples are trees that break a rule, with everything the rule must say of them, and trees that look as if they did.
var samples = []struct {
	name  string
	check func(*tree) []finding
	files map[string]string
	want  []string // how each finding begins; none means that the tree is good
}{
	{"zap in poller", importArrows, map[string]string{
		"poller/a.go": "package poller\n\nimport _ \"go.uber.org/zap\"\n",
	}, []string{"poller/a.go:3: poller may not import go.uber.org/zap"}},
	{"x/sys from loop up, in a file of another platform", importArrows, map[string]string{
		"loop/a_windows.go": "//go:build windows\n\npackage loop\n\nimport \"golang.org/x/sys/windows\"\n",
	}, []string{"loop/a_windows.go:5: loop may not import golang.org/x/sys/windows"}},
	{"ants outside loop/workers", importArrows, map[string]string{
		"loop/a.go":         "package loop\nimport _ \"github.com/panjf2000/ants/v2\"\n",
		"loop/workers/a.go": "package workers\nimport _ \"github.com/panjf2000/ants/v2\"\n",
	}, []string{"loop/a.go:2: loop may not import github.com/panjf2000"}},
	{"siblings", importArrows, map[string]string{
		"tcp/a.go":      "package tcp\nimport _ \"example.com/pike/timer\"\n",
		"tcp/a_test.go": "package tcp_test\nimport _ \"example.com/pike/timer\"\n",
		"udp/a.go":      "package udp\nimport _ \"example.com/pike/loop/workers\"\n",
	}, []string{"tcp/a.go:2: tcp may not import", "udp/a.go:2: udp may not import"}},
	{"upwards", importArrows, map[string]string{
		"poller/sim/a.go": "package sim\nimport _ \"example.com/pike/loop\"\n",
		"loop/a.go":       "package loop\nimport _ \"example.com/pike/tcp\"\n",
		"signal/a.go":     "package signal\nimport _ \"example.com/pike/examples/chat/room\"\n",
	}, []string{"loop/a.go:2:", "poller/sim/a.go:2:", "signal/a.go:2:"}},
	{"another module", importArrows, map[string]string{
		"examples/chat/main.go": "package main\nimport _ \"example.org/colours\"\n",
	}, []string{"examples/chat/main.go:2: examples may not import example.org/colours"}},
	{"a folder that no layer knows", importArrows, map[string]string{
		"util/a.go": "package util\n",
	}, []string{"util/a.go:1: this folder has no layer"}},
	{"every arrow that is right", importArrows, map[string]string{
		"poller/internal/kq/a.go":        "package kq\nimport (\n\"syscall\"\n\"golang.org/x/sys/unix\"\n)\n",
		"poller/internal/readiness/a.go": "package readiness\nimport _ \"example.com/pike/poller/internal/kq\"\n",
		"loop/a.go":                      "package loop\nimport (\n_ \"log/slog\"\n_ \"example.com/pike/poller\"\n)\n",
		"tcp/a.go":                       "package tcp\nimport (\n_ \"example.com/pike/loop\"\n_ \"example.com/pike/poller\"\n)\n",
		"examples/a/main.go":             "package main\nimport (\n_ \"example.com/pike/tcp\"\n_ \"example.com/pike/poller/sim\"\n)\n",
		"bench/go.mod":                   "module bench\n",
		"bench/main.go":                  "package main\nimport _ \"github.com/cloudwego/netpoll\"\n",
	}, nil},

	{"a branch by platform", platformBranches, map[string]string{
		"tcp/a.go": "package tcp\n\nimport rt \"runtime\"\n\nvar slow = rt.GOOS == \"windows\"\n",
	}, []string{"tcp/a.go:5: runtime.GOOS"}},
	{"a platform told, or asked by a test", platformBranches, map[string]string{
		"examples/a/main.go": "package main\nimport \"runtime\"\nfunc main() { println(runtime.GOOS) }\n",
		"tcp/a_test.go":      "package tcp\nimport \"runtime\"\nvar slow = runtime.GOOS == \"windows\"\n",
		"tcp/a.go":           "package tcp\nimport \"runtime\"\nvar n = runtime.NumCPU()\n",
	}, nil},

	{"a long file", fileBudgets, map[string]string{
		"tcp/a.go":      "package tcp\n" + strings.Repeat("\n", fileLinesMax),
		"tcp/b_test.go": "package tcp\n" + strings.Repeat("\n", fileLinesMax-1),
	}, []string{"tcp/a.go:451: 451 lines"}},
	{"a long function", fileBudgets, map[string]string{
		"tcp/a.go": "package tcp\n\nfunc (c *Conn) long() {\n" + strings.Repeat("\n", funcLinesMax-1) + "}\n",
		"tcp/b.go": "package tcp\n\nfunc short() {\n" + strings.Repeat("\n", funcLinesMax-2) + "}\n",
	}, []string{"tcp/a.go:3: func long has 91 lines"}},
	{"a long line", lineLengths, map[string]string{
		"tcp/a.go": "package tcp\n\n// " + strings.Repeat("é", 138) + "\n// " + strings.Repeat("é", 137) + "\n",
		"tcp/b.go": "package tcp\n\n\t\t// " + strings.Repeat("e", 130) + "\n",
	}, []string{"tcp/a.go:3: 141 columns", "tcp/b.go:3: 141 columns"}},

	{"leftovers", leftoverMarks, map[string]string{
		"tcp/a.go": "package tcp\n\n// TO" + "DO: finish\n",
		".ci/run":  "# FIX" + "ME\nmktemp -d pike.XX" + "XXXX\n",
		"go.sum":   "example.org/a v1.0.0 h1:+XX" + "X+=\n",
	}, []string{".ci/run:1:", "tcp/a.go:3:"}},
	{"words of one machine", machineWords, map[string]string{
		"README.md":   "See /wo" + "rk/shared/notes.md.\n",
		"docs/a.md":   "As Clau" + "de said, in a SAND" + "BOX.\n",
		"tcp/a.go":    "package tcp\n\nconst home = \"/ro" + "ot/go\"\n",
		"docs/b.md":   "`loop/work/` and example.com/root/ are other paths.\n",
		"docs/run.sh": "cd ~/work/pike\n",
	}, []string{"README.md:1:", "docs/a.md:1:", "tcp/a.go:3:"}},

	{"no package comment", packageComments, map[string]string{
		"tcp/a.go":            "package tcp\n",
		"tcp/b_test.go":       "// Package tcp is explained in the wrong place.\npackage tcp\n",
		"udp/a.go":            "//go:build linux\n\npackage udp\n",
		"udp/b.go":            "// Package udp is udp.\npackage udp\n",
		"examples/a/main.go":  "package main\n",
		"docs/only_test.go":   "// Package docs_test has tests alone.\npackage docs_test\n",
		"testdata/src/bad.go": "package bad\n",
	}, []string{"examples/a/main.go:1:", "tcp/a.go:1:"}},
	{"exported without a word", docComments, map[string]string{
		"tcp/a.go": undocumented,
	}, []string{
		"tcp/a.go:3: exported Bare", "tcp/a.go:8: exported Method", "tcp/a.go:13: exported Loose",
		"tcp/a.go:16: exported Func", "tcp/a.go:22: exported Other", "tcp/a.go:28: exported B",
	}},
	{"exported and explained, or out of reach", docComments, map[string]string{
		"tcp/a.go":          documented,
		"tcp/b_test.go":     "package tcp\n\nfunc Helper() {}\n",
		"tcp/internal/a.go": "package internal\n\nfunc Hidden() {}\n",
		"examples/a/a.go":   "package main\n\nfunc Exported() {}\n",
	}, nil},

	{"dead links", deadLinks, map[string]string{
		"README.md":    "[a](docs/gone.md) [b](docs/a.md#top) ![c](docs/c.svg)\n\n[d]: docs/none.md\n",
		"docs/a.md":    "[up](../README.md) [out](../../elsewhere) [dir](sub) [root](/README.md)\n",
		"docs/sub/b.c": "",
	}, []string{"README.md:1: no file at \"docs/gone.md\"", "README.md:1: no file at \"docs/c.svg\"",
		"README.md:3: no file at \"docs/none.md\"", "docs/a.md:1: no file at \"../../elsewhere\""}},
	{"what only looks like a link", deadLinks, map[string]string{
		"README.md": "[w](https://example.com/x) [here](#top) `[no](link)` <https://x.org>\n\n```go\na[i](x)\n```\n",
	}, nil},
	{"an example that is not there", unknownExamples, map[string]string{
		"README.md":             "Not `go run ./examples/prose`.\n\n```\n$ go run ./examples/gone -x\ngo run -race ./examples/chat\n```\n",
		"examples/chat/main.go": "package main\n",
	}, []string{"README.md:4: no program in ./examples/gone"}},
}

const undocumented = `package tcp

type Bare struct{}

// Conn is a connection.
type Conn struct{}

func (*Conn) Method() {}

// The first has a comment, the next a gap.
const One = 1

var Loose = 2

//go:noinline
func Func() {}

type (
	// Doer is explained, the next is not.
	Doer interface{ Do() }

	Other int
)

const (
	A = 1 // A is.

	B = 2
)
`

const documented = `package tcp

// Conn is a connection.
type Conn[T any] struct{ Name string }

// Method does.
func (*Conn[T]) Method() {}

type hidden struct{}

func (*hidden) Method() {}

// A Day is a day of the week.
type Day int

const (
	Sunday Day = iota

	Monday
)

// The group is explained.
const (
	One = 1

	Two = 2
)

var (
	// First explains itself and the next.
	First  = 1
	Second = 2

	third = 3
)
`

// TestRulesCanFail shows each rule what breaks it, and what does not.
func TestRulesCanFail(t *testing.T) {
	for _, sample := range samples {
		t.Run(sample.name, func(t *testing.T) {
			var got []string
			for _, f := range sample.check(newTree(sample.files)) {
				got = append(got, f.String())
			}
			same := len(got) == len(sample.want)
			for i := range min(len(got), len(sample.want)) {
				same = same && strings.HasPrefix(got[i], sample.want[i])
			}
			if !same {
				t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(sample.want, "\n\t"))
			}
		})
	}
}

// TestDependencyArrowsCanFail does so for what go list reports.
func TestDependencyArrowsCanFail(t *testing.T) {
	good := []listed{
		{module + "/poller", []string{"net"}},
		{module + "/poller/system", []string{"net", xsys + "/unix", module + "/poller/internal/kq"}},
		{module + "/tcp", []string{module + "/loop", module + "/poller/internal/kq", xsys + "/unix"}},
		{module + "/examples/chat", []string{module + "/tcp", module + "/timer", module + "/loop/workers", ants, xsys + "/unix"}},
	}
	if found := dependencyArrows(good); len(found) != 0 {
		t.Error("good arrows found bad: ", found)
	}
	bad := []listed{
		{module + "/loop", []string{ants + "/pkg/sync"}},
		{module + "/poller", []string{zap}},
		{module + "/signal", []string{module + "/timer"}},
		{module + "/tcp", []string{module + "/loop/workers"}},
		{module + "/util", nil},
	}
	found := dependencyArrows(bad)
	for i, p := range bad {
		if !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, p.ImportPath+" ") }) {
			t.Errorf("nothing found in package %d, %v", i, p)
		}
	}
}
