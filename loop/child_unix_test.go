//go:build unix

package loop_test

import (
	"os"
	"os/exec"
	"testing"

	"example.com/pike/loop"
	processes "example.com/pike/pipe" // because pipe is a function here
)

// childCallbacks are those of child processes.
var childCallbacks = map[string]func(t *testing.T, lp *loop.Loop, boom boom){
	"pipe.Process.OnExit": func(t *testing.T, lp *loop.Loop, boom boom) {
		p, err := processes.Start(lp, exec.Command("true"), nil)
		no(t, err)
		p.OnExit = func(p *processes.Process, _ *os.ProcessState, _ error) { boom(p) }
	},
}
