package docs_test

import (
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

var (
	inlineLink  = regexp.MustCompile(`\]\(<?([^)\s>]+)`)
	defineLink  = regexp.MustCompile(`^\s*\[[^\]^]+\]:\s+<?([^\s>]+)`)
	codeSpan    = regexp.MustCompile("`[^`]*`")
	otherScheme = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)
	runExample  = regexp.MustCompile(`\bgo run (?:-\S+ )*\./(examples/[\w/.-]+)`)
)

// A proseLine is a line of a document, with whether it stands in a fenced block.
type proseLine struct {
	number int
	text   string
	fenced bool
}

// prose cuts a document into lines; the fences themselves are left out.
func prose(s *source) []proseLine {
	var lines []proseLine
	fence := ""
	for i, text := range s.lines {
		mark := strings.TrimSpace(text)
		switch {
		case fence == "" && (strings.HasPrefix(mark, "```") || strings.HasPrefix(mark, "~~~")):
			fence = mark[:3]
		case fence != "" && strings.HasPrefix(mark, fence):
			fence = ""
		default:
			lines = append(lines, proseLine{i + 1, text, fence != ""})
		}
	}
	return lines
}

// deadLinks finds relative links of documents that lead nowhere.
func deadLinks(tr *tree) []finding {
	var found []finding
	for _, s := range tr.documents() {
		for _, line := range prose(s) {
			if line.fenced {
				continue
			}
			text := codeSpan.ReplaceAllString(line.text, "``")
			for _, re := range []*regexp.Regexp{inlineLink, defineLink} {
				for _, m := range re.FindAllStringSubmatch(text, -1) {
					if !tr.leads(s, m[1]) {
						found = append(found, finding{s.path, line.number, "no file at " + strconv.Quote(m[1])})
					}
				}
			}
		}
	}
	return found
}

// leads reports whether a link leads to a file of the tree, within its own document, or out of the tree for good.
func (tr *tree) leads(s *source, link string) bool {
	if otherScheme.MatchString(link) || strings.HasPrefix(link, "//") || strings.HasPrefix(link, "#") {
		return true
	}
	link, _, _ = strings.Cut(link, "#")
	name, err := url.PathUnescape(link)
	if err != nil {
		return false
	}
	if strings.HasPrefix(name, "/") {
		return tr.has[path.Clean(strings.TrimPrefix(name, "/"))]
	}
	return tr.has[path.Join(s.dir(), name)]
}

// unknownExamples finds commands in documents that would run an example that is not there.
func unknownExamples(tr *tree) []finding {
	var found []finding
	for _, s := range tr.documents() {
		for _, line := range prose(s) {
			if !line.fenced {
				continue
			}
			for _, m := range runExample.FindAllStringSubmatch(line.text, -1) {
				if !tr.program(path.Clean(m[1])) {
					found = append(found, finding{s.path, line.number, "no program in ./" + m[1]})
				}
			}
		}
	}
	return found
}

// program reports whether a folder holds a main package.
func (tr *tree) program(dir string) bool {
	return len(tr.only(func(s *source) bool { return s.syntax != nil && s.dir() == dir && s.main() })) > 0
}
