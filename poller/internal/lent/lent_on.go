//go:build race || pikedebug

package lent

import "example.com/pike/poller"

// Messages are what a packet upcall lends: the handler may put other slices into them.
type Messages struct {
	data [Most][]byte
	n    int
}

// Of is the memory of ms.
func Of(ms []poller.Message) (l Messages) {
	for l.n < min(len(ms), Most) {
		l.data[l.n] = ms[l.n].Data
		l.n++
	}
	return l
}

// Overwrite is Overwrite of each.
func (l *Messages) Overwrite() {
	for _, p := range l.data[:l.n] {
		Overwrite(p)
	}
}

// Overwrite makes p useless.
func Overwrite(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}
