// Package sys is what a system calls a socket: addresses, options, groups, control data,
// errors, and the calls that backends make. It keeps no sockets and knows no event queue.
package sys
