package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"example.com/pike/examples/internal/program"
)

// served is the program, as people run it, and its address.
func served(t *testing.T, tool string) (*program.Program, string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skip(tool, " is not here: ", err)
	}
	p := program.Start(t, program.Build(t), "-listen", "127.0.0.1:0", "-root", site(t))
	return p, strings.TrimSpace(p.Expect("listening tcp"))
}

func ends(t *testing.T, p *program.Program) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("the program ends with %d:\n%s", code, p.Output())
	}
}

func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"-sS", "--max-time", "20", "--noproxy", "*"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestCurl has curl ask for files, parts of them, and several on one connection.
func TestCurl(t *testing.T) {
	p, addr := served(t, "curl")
	url := "http://" + addr
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{url + "/a.txt"}, "0123456789"},
		{[]string{"--http1.0", url + "/a.txt"}, "0123456789"},
		{[]string{"-r", "2-4", url + "/a.txt"}, "234"},
		{[]string{"-r", "-3", url + "/a.txt"}, "789"},
		{[]string{"-r", "7-", url + "/a.txt"}, "789"},
		{[]string{"-L", url + "/sub"}, "sub"},
		{[]string{"-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", url + "/../secret"}, "404"},
		{[]string{"-o", "/dev/null", "-w", "%{http_code}", "-d", "x", url + "/a.txt"}, "405"},
		{[]string{"-o", "/dev/null", "-w", "%{http_code}", "-z", "1 Dec 2026", url + "/a.txt"}, "304"},
		{[]string{"-o", "/dev/null", "-w", "%{http_code}", "-r", "100-", url + "/a.txt"}, "416"},
		{[]string{"-w", "%{num_connects}", url + "/a.txt", url + "/sub/"}, "01234567891sub0"},
	} {
		if got := curl(t, c.args...); got != c.want {
			t.Errorf("curl %v: %.80q, want %q", c.args, got, c.want)
		}
	}
	file := filepath.Join(t.TempDir(), "big")
	big := content(bigSize)
	if err := os.WriteFile(file, big[:1_000_000], 0o644); err != nil {
		t.Fatal(err)
	}
	curl(t, "-C", "-", "-o", file, url+"/big.bin") // goes on where another has ended
	if got, err := os.ReadFile(file); err != nil || string(got) != string(big) {
		t.Errorf("a download that goes on gets %d bytes that are not the file, %v", len(got), err)
	}
	ends(t, p)
}

// TestAB has ab ask with and without keep-alive.
func TestAB(t *testing.T) {
	p, addr := served(t, "ab")
	for _, args := range [][]string{{"-k"}, nil} {
		for _, path := range []string{"/a.txt", "/big.bin"} {
			n := "2000"
			if path == "/big.bin" {
				n = "50"
			}
			out, err := exec.Command("ab", append(args, "-q", "-n", n, "-c", "20", "http://"+addr+path)...).CombinedOutput()
			if err != nil {
				t.Fatalf("ab: %v\n%s", err, out)
			}
			if !regexp.MustCompile(`Complete requests: +`+n).Match(out) || !regexp.MustCompile(`Failed requests: +0`).Match(out) {
				t.Errorf("ab says\n%s", out)
			}
		}
	}
	ends(t, p)
}
