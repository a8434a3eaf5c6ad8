package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A profile as callgrind writes it: a name stands where it comes first, the line after calls= is of what was called,
// positions may be relative, and a recursion has a name of its own.
const profile = `# callgrind format
positions: line
events: Ir
fl=(1) a.go
fn=(1) example.com/pike/stream.(*Conn).Write
16 400
+2 100
cfn=(2) runtime.memmove
calls=100 0
* 5000
fn=(2)
1 5000
fn=(3) example.com/pike/stream_test.BenchmarkEcho.func1
7 900
cfn=(4) example.com/pike/loop.(*Loop).turn
calls=1 0
7 1500
fn=(4)
-3 1000
fn=(1)
* 500

totals: 7900
`

func TestParse(t *testing.T) {
	c, err := parse(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	const write, turn = "example.com/pike/stream.(*Conn).Write", "example.com/pike/loop.(*Loop).turn"
	if len(c) != 2 || c[write] != 1000 || c[turn] != 1000 {
		t.Errorf("%v", c)
	}
	once := count{write: 500, turn: 995}
	one, err := c.minus(once, 100)
	if err != nil || len(one) != 1 || one[write] != 5 {
		t.Errorf("a round is %v, %v", one, err)
	}
	if _, err := c.minus(c, 100); err == nil {
		t.Error("nothing has run, and that is no error")
	}
}

func TestCompare(t *testing.T) {
	old := counts{made: "go1 x", of: map[string]count{}}
	old.add("echo", count{"a": 100, "b": 100})
	old.add("timers", count{"c": 10})
	file := filepath.Join(t.TempDir(), "baseline")
	if err := os.WriteFile(file, old.text(), 0o666); err != nil {
		t.Fatal(err)
	}
	read, err := readCounts(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []struct {
		name  string
		made  string
		echo  count
		grown bool
		text  string
	}{
		{"the same", "go1 x", count{"a": 100, "b": 100}, false, "1.000 of before"},
		{"a little more", "go1 x", count{"a": 105, "b": 100}, false, "1.025 of before"},
		{"more", "go1 x", count{"a": 90, "b": 117}, true, "\t+17.0 b"},
		{"what is new", "go1 x", count{"a": 100, "b": 100, "d": 7}, true, "\t+7.0 d"},
		{"another Go", "go2 x", count{"a": 900}, false, "nothing is compared"},
	} {
		now := counts{made: run.made, of: map[string]count{}}
		now.add("echo", run.echo)
		now.add("timers", count{"c": 10})
		if text, grown := compare(read, now); grown != run.grown || !strings.Contains(text, run.text) {
			t.Errorf("%s: %v\n%s", run.name, grown, text)
		}
	}
}
