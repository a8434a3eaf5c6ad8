//go:build unix

package pipe_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/pipe"
)

// A child and its pipes say what they are, and they are counted as connections until they have ended.
func TestExplain(t *testing.T) {
	r := newRig(t)
	c := r.start(exec.Command("cat"))
	c.Stdin.WriteString("hello")
	r.until("it is echoed", func() bool { return r.lp.Metrics().Stream.BytesIn == 5 })
	var b strings.Builder
	r.no(r.lp.Explain(&b))
	for _, line := range []string{
		fmt.Sprintf("  pipe.Process     cat, pid %d: runs\n", c.Pid()),
		"  stream.Conn      pipe cat stdin: open, nothing more can be read\n",
		"  stream.Conn      pipe cat stdout: open, reads, nothing more can be written\n",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("there is no %q in\n%s", line, &b)
		}
	}
	r.equal("out", r.lp.Metrics().Stream.BytesOut, uint64(5))
	r.equal("connections", r.lp.Metrics().Conns, loop.Conns{Open: 3})
	c.OnExit = func(p *pipe.Process, _ *os.ProcessState, _ error) {
		if text := p.Explain(); !strings.HasSuffix(text, ": exit status 0") {
			t.Error(text)
		}
	}
	r.no(c.Stdin.Close())
	r.run()
	r.equal("connections", r.lp.Metrics().Conns, loop.Conns{})
}
