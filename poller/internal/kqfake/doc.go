// Package kqfake models kqueue(2) on Linux, for tests: the kqueue backend runs on
// it, with the race detector, where no BSD is at hand.
//
// It is no translation of kevent to epoll. It re-creates the loop of a BSD kernel
// (knotes, a queue of active ones, an f_event for each filter) and uses
// edge-triggered epoll only as the bell that something may have happened. Its
// tests hold it to what a FreeBSD kernel answered to some 80 situations.
//
// There are EVFILT_READ, WRITE, TIMER, USER and SIGNAL, and no VNODE and PROC. What
// it cannot show: the layout of structures, the values of constants, what other
// calls of a BSD do, the timing and buffers of its TCP, and the error of a socket
// in fflags, which Linux cannot look at without clearing it: ECONNRESET if it was
// ever connected, else ECONNREFUSED.
package kqfake
