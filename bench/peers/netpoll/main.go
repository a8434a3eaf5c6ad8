// Netpoll is a TCP echo server on cloudwego/netpoll, one poller.
package main

import (
	"context"
	"flag"

	"github.com/cloudwego/netpoll"

	"example.com/pike/bench/peers/work"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`address` to listen on")
	frame := flag.Int("frame", 0, "answer each so many `bytes` by a write of their own")
	flag.Parse()
	if err := netpoll.Configure(netpoll.Config{PollerNum: 1}); err != nil {
		work.Fail(err)
	}
	ln, err := netpoll.CreateListener("tcp", *listen)
	if err != nil {
		work.Fail(err)
	}
	serve := echo
	if *frame > 0 {
		serve = func(ctx context.Context, c netpoll.Connection) error { return echoFrames(c, *frame) }
	}
	events, err := netpoll.NewEventLoop(serve)
	if err != nil {
		work.Fail(err)
	}
	work.Announce("tcp", ln.Addr())
	if err := events.Serve(ln); err != nil {
		work.Fail(err)
	}
}

func echo(_ context.Context, c netpoll.Connection) error {
	r, w := c.Reader(), c.Writer()
	p, err := r.Next(r.Len())
	if err != nil {
		return err
	}
	w.WriteBinary(p)
	if err := w.Flush(); err != nil {
		return err
	}
	return r.Release()
}

// echoFrames writes each frame by itself and flushes when there is nothing more to answer, as netpoll would have it.
func echoFrames(c netpoll.Connection, frame int) error {
	r, w := c.Reader(), c.Writer()
	for r.Len() >= frame {
		p, err := r.Next(frame)
		if err != nil {
			return err
		}
		w.WriteBinary(p)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return r.Release()
}
