// Nbio is a TCP echo server on lesismal/nbio, one poller.
package main

import (
	"flag"
	"net"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"

	"example.com/pike/bench/peers/work"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`address` to listen on")
	flag.Parse()
	logging.SetLevel(logging.LevelError) // it logs its start where the bench awaits the address
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		work.Fail(err)
	}
	engine := nbio.NewEngine(nbio.Config{
		Network: "tcp",
		Addrs:   []string{*listen},
		NPoller: 1,
		Listen:  func(string, string) (net.Listener, error) { return ln, nil },
	})
	engine.OnData(func(c *nbio.Conn, p []byte) { c.Write(p) })
	if err := engine.Start(); err != nil {
		work.Fail(err)
	}
	work.Announce("tcp", ln.Addr())
	engine.Wait()
}
