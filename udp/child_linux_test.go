package udp_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
)

// child says which test of this binary is to play its part in another process.
const child = "PIKE_UDP_CHILD"

func needChild(t *testing.T) {
	t.Helper()
	if os.Getenv(child) != t.Name() {
		t.Skip("this is the other process of another test")
	}
}

// runChild runs a test of this binary under another program, whose absence, or
// lack of permission, is a reason to skip.
func runChild(t *testing.T, test, try string, program ...string) {
	t.Helper()
	for _, name := range []string{program[0], "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	with := func(last ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, program[0], append(program[1:len(program):len(program)], last...)...)
		cmd.Env = append(os.Environ(), child+"="+test)
		return cmd
	}
	if out, err := with("sh", "-c", try).CombinedOutput(); err != nil {
		t.Skipf("%s is not allowed here: %v\n%s", program[0], err, out)
	}
	self, err := os.Executable()
	no(t, err)
	out, err := with("sh", "-c", try+` && exec "$0" "$@"`, self, "-test.run=^"+test+"$", "-test.v").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+test)) {
		t.Fatalf("%v\n%s", err, out)
	}
}
