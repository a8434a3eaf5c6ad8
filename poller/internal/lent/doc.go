// Package lent overwrites the memory that an upcall has lent, once the upcall has returned, in
// a build with the race detector or the tag pikedebug. So whoever keeps that memory finds out.
// In other builds this package does nothing, and the memory is whole until something else
// arrives.
package lent

// Most is how many messages an upcall lends at most.
const Most = 32
