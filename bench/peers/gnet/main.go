// Gnet is a TCP echo server on gnet, one event loop, or a file server.
package main

import (
	"flag"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"example.com/pike/bench/peers/work"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`address` to listen on")
	frame := flag.Int("frame", 0, "answer each so many `bytes` by a write of their own")
	root := flag.String("root", "", "serve the files of a `folder` over HTTP instead")
	flag.Parse()
	var handler gnet.EventHandler = &server{frame: *frame}
	if *root != "" {
		handler = newFiles(*root)
	}
	err := gnet.Run(handler, "tcp4://"+*listen,
		gnet.WithNumEventLoop(1), gnet.WithTCPNoDelay(gnet.TCPNoDelay), gnet.WithTCPKeepAlive(15*time.Second))
	if err != nil {
		work.Fail(err)
	}
}

type server struct {
	gnet.BuiltinEventEngine
	frame int
}

func (s *server) OnBoot(eng gnet.Engine) gnet.Action {
	fd, err := eng.Dup()
	if err != nil {
		work.Fail(err)
	}
	defer unix.Close(fd)
	sa, err := unix.Getsockname(fd)
	if err != nil {
		work.Fail(err)
	}
	work.AnnounceSocket("tcp", sa)
	return gnet.None
}

func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	if s.frame == 0 {
		p, _ := c.Next(-1)
		c.Write(p)
		return gnet.None
	}
	for c.InboundBuffered() >= s.frame {
		p, _ := c.Next(s.frame)
		c.Write(p)
	}
	return gnet.None
}
