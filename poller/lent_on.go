//go:build race || pikedebug

package poller

// lent is what a packet upcall lends: the handler may put other slices into its messages.
func lent(ms []Message) (all [][]byte) {
	for i := range ms {
		all = append(all, ms[i].Data)
	}
	return all
}

// overwrite makes what an upcall has lent useless when it has returned, so that whoever
// keeps it finds out: else it is whole until something else arrives.
func overwrite(all ...[]byte) {
	for _, p := range all {
		for i := range p {
			p[i] = 0xDB
		}
	}
}
