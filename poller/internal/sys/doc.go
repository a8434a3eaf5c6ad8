// Package sys is what a system calls a socket: addresses, options, groups, control data,
// errors, and the calls that backends make. It keeps nothing and knows no queue.
package sys
