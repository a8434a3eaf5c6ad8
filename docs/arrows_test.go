package docs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "example.com/pike"
	xsys   = "golang.org/x/sys"
	zap    = "go.uber.org/zap"
	gobwas = "github.com/gobwas/ws"
	ants   = "github.com/panjf2000/ants/v2"
	xterm  = "golang.org/x/term"
)

// A layer is a folder with everything below it, and what its packages may import besides the standard library and
// the rest of the layer. A plain name is that package alone; name/... is with everything below it.
type layer struct {
	dir     string
	imports []string
}

// The arrows of docs/design.md. The longest dir that fits a package is its layer, so loop/workers is not loop.
var layers = []layer{
	{"poller", nil}, // the contract
	{"poller/internal/fifo", nil},
	{"poller/internal/lent", []string{"poller"}},
	{"poller/internal/bell", []string{"poller"}},
	{"poller/internal/kq", []string{xsys + "/...", "poller/internal/kqfake"}},
	{"poller/internal/kqfake", []string{xsys + "/..."}},
	{"poller/internal/sys", []string{"poller", xsys + "/..."}},
	{"poller/internal/readiness", []string{
		"poller", "poller/internal/fifo", "poller/internal/kq", "poller/internal/lent", "poller/internal/bell", "poller/internal/sys",
		xsys + "/...",
	}},
	{"poller/internal/iocp", []string{
		"poller", "poller/internal/fifo", "poller/internal/lent", "poller/internal/bell", "poller/internal/sys", xsys + "/...",
	}},
	{"poller/system", []string{"poller", "poller/internal/readiness", "poller/internal/iocp"}},
	{"poller/pollertest", []string{"poller", xsys + "/..."}},
	{"poller/sim", []string{"poller"}},
	{"loop", []string{"poller", "poller/system"}},
	{"loop/zaplog", []string{zap + "/..."}},
	{"loop/workers", []string{"loop", "poller", ants + "/..."}},
	{"internal/netop", []string{"poller"}},
	{"internal/closure", nil},
	{"stream", []string{"internal/closure", "internal/netop", "loop", "poller", "stream/layer"}},
	{"stream/layer", []string{"poller"}},
	{"stream/proxyproto", []string{"poller", "stream/layer"}},
	{"stream/tlslayer", []string{"poller"}},
	{"stream/layer/layertest", []string{"poller", "poller/pollertest", "poller/sim", "poller/system", "stream/layer"}},
	{"stream/frame", []string{"internal/closure", "stream"}},
	{"stream/netconn", []string{"loop", "poller", "stream"}},
	{"tcp", []string{"internal/netop", "loop", "poller", "stream"}},
	{"unix", []string{"internal/netop", "loop", "poller", "stream"}},
	{"pipe", []string{"internal/netop", "loop", "poller", "stream", xsys + "/..."}},
	{"handover", []string{"loop", "pipe", "stream", xsys + "/..."}},
	{"udp", []string{"internal/netop", "loop", "poller"}},
	{"timer", []string{"internal/netop", "loop", "poller"}},
	{"signal", []string{"internal/netop", "loop", "poller"}},
	{"examples", []string{
		"poller/...", "loop/...", "stream/...", "tcp", "unix", "pipe", "handover", "udp", "timer", "signal", zap + "/...",
		"poller/...", "loop/...", "stream/...", "tcp", "unix", "pipe", "udp", "timer", "signal", zap + "/...", xterm, xsys + "/...",
		gobwas + "/...",
	}},
	{"conformance", nil},
	{"docs", nil},
}

// layerOf finds the layer of a folder, nil if the table has none.
func layerOf(dir string) *layer {
	var found *layer
	for i := range layers {
		l := &layers[i]
		if within(dir, l.dir) && (found == nil || len(l.dir) > len(found.dir)) {
			found = l
		}
	}
	return found
}

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// local cuts the module's own path off an import, so that "loop" is what the table calls loop.
func local(name string) string { return strings.TrimPrefix(name, module+"/") }

// allows reports whether the layer's packages may import name, a local name.
func (l *layer) allows(name string) bool {
	if of := layerOf(name); of != nil && of.dir == l.dir {
		return true
	}
	return slices.ContainsFunc(l.imports, func(pattern string) bool {
		if dir, below := strings.CutSuffix(pattern, "/..."); below {
			return within(name, dir)
		}
		return name == pattern
	})
}

// reaches reports whether the layer's packages may depend on name at all: by an import, or by those of a layer below.
func (l *layer) reaches(name string) bool {
	if l.allows(name) {
		return true
	}
	return slices.ContainsFunc(layers, func(below layer) bool {
		return below.dir != l.dir && l.allows(below.dir) && below.reaches(name)
	})
}

// standard reports whether an import is of the standard library, whose paths have no host.
func standard(name string) bool {
	host, _, _ := strings.Cut(name, "/")
	return !strings.Contains(host, ".")
}

// importArrows checks what each file imports. Tests may import what they need.
func importArrows(tr *tree) []finding {
	var found []finding
	for _, s := range tr.library() {
		l := layerOf(s.dir())
		if l == nil {
			found = append(found, finding{s.path, 1, "this folder has no layer in docs/arrows_test.go"})
			continue
		}
		for _, spec := range s.syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err == nil && !standard(name) && !l.allows(local(name)) {
				found = append(found, s.at(spec.Pos(), "%s may not import %s", l.dir, name))
			}
		}
	}
	return found
}

// A listed package is what go list says of one.
type listed struct {
	ImportPath string
	Deps       []string // all of them, not only the direct ones
}

// TestImportArrows asks the go command what each package ends up with in a user's program, platform by platform.
func TestImportArrows(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command is not here to be asked: ", err)
	}
	root := moduleRoot(t)
	for _, goos := range []string{"linux", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			packages := goList(t, root, goos)
			if len(packages) == 0 {
				t.Fatal("go list found no package")
			}
			for _, text := range dependencyArrows(packages) {
				t.Errorf("%s: import-arrow", text)
			}
		})
	}
}

// dependencyArrows checks everything a package depends on, however far away. Of other modules only those that the
// table names are looked at: what they import in turn is their own affair.
func dependencyArrows(packages []listed) []string {
	var found []string
	for _, p := range packages {
		l := layerOf(local(p.ImportPath))
		if l == nil {
			found = append(found, p.ImportPath+" has no layer in docs/arrows_test.go")
			continue
		}
		for _, dep := range p.Deps {
			ours := slices.ContainsFunc([]string{module, xsys, zap, ants}, func(m string) bool { return within(dep, m) })
			if ours && !l.reaches(local(dep)) {
				found = append(found, fmt.Sprintf("%s may not depend on %s", p.ImportPath, dep))
			}
		}
	}
	return found
}

// goList runs go list for one platform, without cgo, as a user who cross-compiles does.
func goList(t *testing.T, root, goos string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Deps", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
