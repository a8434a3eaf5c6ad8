package netop

import "fmt"

// Counted is n and what is counted: "1 byte", "2 bytes".
func Counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
