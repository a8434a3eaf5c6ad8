//go:build !windows

package pollertest

// BrokenBelow are the tests that fail for the sake of what is below this system, which no
// backend can mend, by name, and what that is: for RunExcept.
func BrokenBelow() map[string]string { return nil }
