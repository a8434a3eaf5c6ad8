//go:build !linux

package handover

// reloading is for whoever listens as systemd does.
func reloading() []string { return []string{"RELOADING=1"} }
