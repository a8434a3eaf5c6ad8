//go:build race || pikedebug

package poller

// lending is what a packet upcall lends: the handler may put other slices into its messages.
type lending struct {
	data [recvBatch][]byte
	n    int
}

func lent(ms []Message) (l lending) {
	for l.n < min(len(ms), recvBatch) {
		l.data[l.n] = ms[l.n].Data
		l.n++
	}
	return l
}

func (l *lending) overwrite() {
	for _, p := range l.data[:l.n] {
		overwrite(p)
	}
}

// overwrite makes what an upcall has lent useless when it has returned, so that whoever
// keeps it finds out: else it is whole until something else arrives.
func overwrite(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}
