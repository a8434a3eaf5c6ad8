package pipe

import (
	"fmt"
	"path/filepath"
)

// Explain says which child it is, and whether it runs, for Loop.Explain: "cat, pid 4711: runs".
func (p *Process) Explain() string {
	if p.lp().Check("pipe.Process.Explain") != nil {
		return ""
	}
	does := "runs"
	switch {
	case p.state != nil:
		does = p.state.String()
	case p.Closing():
		does = "is let go"
	}
	return fmt.Sprintf("%s, pid %d: %s", filepath.Base(p.cmd.Path), p.Pid(), does)
}
