// Package readiness is the backend of systems that tell when a socket is ready, epoll
// and kqueue: sockets that are told so and then do the work themselves.
package readiness
