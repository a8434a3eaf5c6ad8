package client

import (
	"strings"
	"time"

	"example.com/pike/stream"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
	"example.com/pike/unix"
)

const (
	dialTime  = 10 * time.Second
	drainTime = time.Second // for a server that does not read, when we leave
)

// dial begins to connect.
func (c *client) dial() (err error) {
	o := &stream.Options{Timeout: dialTime, DrainTimeout: drainTime}
	if c.o.TLS != nil {
		o.Layer = tlslayer.Client(c.o.TLS, nil)
	}
	if isPath(c.o.Addr) {
		c.conn, err = unix.Dial(c.lp, c.o.Addr, o, c.connected)
	} else {
		c.conn, err = tcp.Dial(c.lp, c.o.Addr, o, c.connected)
	}
	return err
}

// isPath tells the path of a unix-domain socket, or an abstract name, from host:port.
func isPath(addr string) bool { return strings.Contains(addr, "/") || strings.HasPrefix(addr, "@") }
