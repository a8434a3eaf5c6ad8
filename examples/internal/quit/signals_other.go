//go:build !unix

package quit

import "os"

var signals []os.Signal
