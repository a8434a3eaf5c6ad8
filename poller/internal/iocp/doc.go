// Package iocp is the backend of Windows: sockets whose operations the system does, and
// tells of when they are complete.
package iocp
