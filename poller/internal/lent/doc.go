// Package lent makes useless what an upcall has lent, once it has returned, in a build with
// the race detector or the tag pikedebug: whoever keeps it finds out. Else it is whole until
// something else arrives, and this package does nothing.
package lent

// Most is how many messages an upcall lends at most.
const Most = 32
