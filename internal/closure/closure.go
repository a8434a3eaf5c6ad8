// Package closure tells functions apart, which Go compares with nil only.
package closure

import "unsafe"

// Of is what fn, a function, points at: its closure. It is equal for copies of one function value. Of
// closures and method values, which are made anew each time they are written, it is
// equal only for copies. As it keeps the closure alive, no other can come to be in its place.
func Of[F any](fn F) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&fn)) }
