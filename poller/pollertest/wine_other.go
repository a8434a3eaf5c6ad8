//go:build !windows

package pollertest

// Wine is the version of the Wine below this process, and empty on Windows itself
// and elsewhere: for tests of what Wine does differently.
func Wine() string { return "" }
