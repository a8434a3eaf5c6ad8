package pipe

import (
	"fmt"
	"os"
	"strings"
)

// checkNamed is what is wrong with a name.
func checkNamed(name string) error {
	const dot, mark = `\\.\pipe\`, `\\?\pipe\` // which mean the same
	for _, prefix := range []string{dot, mark} {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return nil
		}
	}
	return fmt.Errorf(`a pipe of this machine has a name that begins with %s: %w`, dot, os.ErrInvalid)
}
