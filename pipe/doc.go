// Package pipe has connections over pipes on a loop. Those of Windows have names: Listen waits for
// clients of a named pipe, and Dial is such a client.
//
//	ln, err := pipe.Listen(lp, `\\.\pipe\service`, nil)
//	ln.OnAccept = func(c *pipe.Conn) {
//		c.OnRead = func(c *pipe.Conn, p []byte) { c.Write(p) }
//	}
//
//	pipe.Dial(lp, `\\.\pipe\service`, nil, func(c *pipe.Conn, err error) { ... })
package pipe
