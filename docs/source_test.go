package docs_test

import (
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	fileLinesMax = 450 // the aim is 400: a file is one subject
	funcLinesMax = 90  // the aim is 70, function literals inside included
	columnsMax   = 140
	tabColumns   = 4
)

// What may exceed a budget, and why: "folder/file.go" for a file, "folder/file.go:Func" for a function.
var exceptions = map[string]string{}

// fileBudgets checks the length of files and of functions.
func fileBudgets(tr *tree) []finding {
	var found []finding
	for _, s := range tr.golang() {
		if n := len(s.lines); n > fileLinesMax && exceptions[s.path] == "" {
			found = append(found, finding{s.path, n, strconv.Itoa(n) + " lines, at most " + strconv.Itoa(fileLinesMax)})
		}
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || exceptions[s.path+":"+f.Name.Name] != "" {
				continue
			}
			if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > funcLinesMax {
				found = append(found, s.at(f.Pos(), "func %s has %d lines, at most %d", f.Name.Name, n, funcLinesMax))
			}
		}
	}
	return found
}

// lineLengths checks the width of Go lines, which has no exceptions: a long string can be cut.
func lineLengths(tr *tree) []finding {
	var found []finding
	for _, s := range tr.golang() {
		for i, line := range s.lines {
			n := utf8.RuneCountInString(line) + strings.Count(line, "\t")*(tabColumns-1)
			if n > columnsMax {
				found = append(found, finding{s.path, i + 1, strconv.Itoa(n) + " columns, at most " + strconv.Itoa(columnsMax)})
			}
		}
	}
	return found
}

// platformBranches finds runtime.GOOS where it would decide: what differs lives in flat pairs of files. An example
// may say what it runs on.
func platformBranches(tr *tree) []finding {
	var found []finding
	for _, s := range tr.library() {
		name := importName(s.syntax, "runtime")
		if name == "" || within(s.path, "examples") && s.main() {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "GOOS" {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == name {
					found = append(found, s.at(n.Pos(), "runtime.GOOS: put what differs into files by platform"))
				}
			}
			return true
		})
	}
	return found
}

// importName is the name by which a file calls an import, "" if it does not import it.
func importName(f *ast.File, name string) string {
	for _, spec := range f.Imports {
		if spec.Path.Value != strconv.Quote(name) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(name)
	}
	return ""
}

// The marks of unfinished work, written so that this file has none.
var marks = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

// leftoverMarks finds them in what people wrote; checksums and fuzz corpora may spell anything.
func leftoverMarks(tr *tree) []finding {
	return tr.matches(marks, "is a leftover: finish it, or open an issue", func(s *source) bool {
		switch path.Ext(s.path) {
		case ".go", ".md", ".yml", ".sh", ".c", ".h":
			return true
		}
		return within(s.path, ".ci")
	})
}

// What is true only of the machine or of the tools that a file was written with. The paths count only from the root.
var words = regexp.MustCompile(`(?i)(?:^|[^\w.~-])/(?:work|root)/|\b(?:sand` + `box|clau` + `de|anth` + `ropic|assis` + `tant)`)

// machineWords finds such words anywhere.
func machineWords(tr *tree) []finding {
	return tr.matches(words, "belongs to the machine it was written on", func(*source) bool { return true })
}

// matches makes a finding of each line that an expression matches.
func (tr *tree) matches(re *regexp.Regexp, text string, want func(*source) bool) []finding {
	var found []finding
	for _, s := range tr.only(want) {
		for i, line := range s.lines {
			if m := re.FindString(line); m != "" {
				found = append(found, finding{s.path, i + 1, strconv.Quote(strings.TrimSpace(m)) + " " + text})
			}
		}
	}
	return found
}
