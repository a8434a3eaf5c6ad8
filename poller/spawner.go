package poller

// A Spawner is a Poller of a world that decides itself which goroutine runs when, as the simulator's does.
// A group of loops asks it for the Pollers of its loops, and for the goroutines that run them.
type Spawner interface {
	// OpenThread opens one more Poller of the same process: the two share the process's addresses,
	// descriptors and signals. It may be used before it is spawned, but not polled. It is its caller's, to close.
	OpenThread() (Poller, error)

	// Spawn calls run beside the caller, as a go statement does. run is what polls p, a Poller of OpenThread,
	// from there on. wait returns when run has, or when run will never be called because the process is
	// gone; it is for the goroutine that polls the Spawner. A Poller is spawned again after that at the earliest.
	Spawn(p Poller, run func()) (wait func())
}
