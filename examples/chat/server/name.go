package server

import "strings"

const (
	nameMost    = 20 // letters of a name
	guestPrefix = "guest-"
)

// validName is the rule for names. Letters beyond ASCII would let two names look the same.
func validName(name string) bool {
	for _, b := range []byte(name) {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '_':
		default:
			return false
		}
	}
	return len(name) >= 1 && len(name) <= nameMost
}

func validRoom(name string) bool {
	name, ok := strings.CutPrefix(name, "#")
	return ok && validName(name)
}

// fold maps names that differ in case only to one: who is called Ann should not be taken for ann.
func fold(name string) string { return strings.ToLower(name) }

// guest reports whether a name is one that the server gives, now or later.
func guest(name string) bool {
	digits, ok := strings.CutPrefix(fold(name), guestPrefix)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
