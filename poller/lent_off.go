//go:build !race && !pikedebug

package poller

func lent([]Message) [][]byte { return nil }
func overwrite(...[]byte)     {}
