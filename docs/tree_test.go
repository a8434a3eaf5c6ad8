package docs_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A finding is one place that breaks a rule.
type finding struct {
	path string
	line int
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text) }

// A source is one text file: its path from the module's root, with forward slashes, and its lines.
type source struct {
	path  string
	lines []string

	// Of a Go file outside testdata only. A file that does not parse has the part that does.
	positions *token.FileSet
	syntax    *ast.File
}

func (s *source) dir() string { return path.Dir(s.path) }

func (s *source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s *source) main() bool { return s.syntax.Name.Name == "main" }

func (s *source) hidden() bool { return strings.HasPrefix(s.path, ".") }

// line is where in the file a node begins.
func (s *source) line(p token.Pos) int { return s.positions.Position(p).Line }

// at makes a finding at a place in the syntax.
func (s *source) at(p token.Pos, format string, args ...any) finding {
	return finding{s.path, s.line(p), fmt.Sprintf(format, args...)}
}

// A tree is every text file of the checkout, sorted by path.
type tree struct {
	root  string
	files []*source
	has   map[string]bool // every file and every folder
}

// newTree makes a tree of texts by their paths.
func newTree(texts map[string]string) *tree {
	tr := &tree{has: map[string]bool{".": true}}
	for name, text := range texts {
		for p := name; p != "."; p = path.Dir(p) {
			tr.has[p] = true
		}
		text = strings.ReplaceAll(text, "\r\n", "\n")
		s := &source{path: name, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
		if strings.HasSuffix(name, ".go") && !strings.Contains(name, "testdata/") {
			s.positions = token.NewFileSet()
			// The compiler reports what does not parse, so here an error is no finding.
			s.syntax, _ = parser.ParseFile(s.positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
		}
		tr.files = append(tr.files, s)
	}
	slices.SortFunc(tr.files, func(a, b *source) int { return strings.Compare(a.path, b.path) })
	return tr
}

// golang is the Go files of the tree.
func (tr *tree) golang() []*source {
	return tr.only(func(s *source) bool { return s.syntax != nil })
}

// library is the Go files that users compile: of the module itself, no tests, no scripts.
func (tr *tree) library() []*source {
	return tr.only(func(s *source) bool { return s.syntax != nil && !s.test() && !s.hidden() && !tr.nested(s.path) })
}

// documents is the Markdown files.
func (tr *tree) documents() []*source {
	return tr.only(func(s *source) bool { return strings.HasSuffix(s.path, ".md") })
}

func (tr *tree) only(want func(*source) bool) []*source {
	var found []*source
	for _, s := range tr.files {
		if want(s) {
			found = append(found, s)
		}
	}
	return found
}

// nested reports whether a file belongs to another module within the tree, such as the benchmarks.
func (tr *tree) nested(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if tr.has[dir+"/go.mod"] {
			return true
		}
	}
	return false
}

// loadTree reads the checkout. It walks the folders even where git could list the files: only so does go test see
// which files the outcome depends on, and run again when one comes or goes.
func loadTree(t *testing.T) *tree {
	t.Helper()
	root := moduleRoot(t)
	listed := gitFiles(root)
	texts, others := map[string]string{}, []string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || (listed != nil && !listed[rel]) {
			return nil
		}
		data, err := os.ReadFile(name)
		switch {
		case err != nil:
		case bytes.ContainsRune(data, 0): // a picture, say
			others = append(others, rel)
		default:
			texts[rel] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tr := newTree(texts)
	for _, name := range others {
		tr.has[name] = true
	}
	tr.root = root
	return tr
}

// moduleRoot is the nearest folder at or above the test's own that has a go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
}

// gitFiles is what git tracks or would add; nil means that git cannot say, and every file counts.
func gitFiles(root string) map[string]bool {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	listed := map[string]bool{}
	for _, name := range strings.Split(string(out), "\x00") {
		listed[name] = true
	}
	return listed
}
