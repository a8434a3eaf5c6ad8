// Kv is a Redis server in memory, for redis-cli, redis-benchmark and other clients of RESP 2: it has PING, ECHO, GET, SET with
// EX, PX, NX and XX, DEL, INCR, EXPIRE and TTL.
//
//	go run ./examples/kv -listen 127.0.0.1:6379 -unix /tmp/kv.sock
package main

import (
	"flag"
	"log"
	"os"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/unix"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:6379", "address of TCP; empty is none")
	path := flag.String("unix", "", "path of a unix-domain socket; empty is none")
	flag.Parse()
	lp, err := loop.New(loop.Options{})
	if err == nil {
		err = serve(lp, *addr, *path)
	}
	if err != nil {
		log.Fatal("kv: ", err)
	}
}

// Who leaves more than a MiB of answers unread is not read from.
var limits = &stream.Options{QueueLimit: &stream.QueueLimit{Bytes: 1 << 20, Policy: stream.PauseReads}, ReadLimit: longest}

// serve runs lp until SIGINT or SIGTERM.
func serve(lp *loop.Loop, addr, path string) error {
	defer lp.Close()
	s := &store{lp: lp, keys: map[string]entry{}}
	_, err := signal.Notify(lp, func(os.Signal) { lp.Stop() }, os.Interrupt, syscall.SIGTERM)
	if err == nil {
		_, err = timer.Every(lp, 100*time.Millisecond, s.sweep)
	}
	accept := func(ln *stream.Listener, err error) error {
		if err == nil {
			ln.OnAccept = func(c *stream.Conn) { c.OnRead = s.read }
			log.Print("listening ", ln.LocalAddr())
		}
		return err
	}
	if addr != "" && err == nil {
		err = accept(tcp.Listen(lp, addr, limits))
	}
	if path != "" && err == nil {
		err = accept(unix.Listen(lp, path, limits))
	}
	if err == nil {
		err = lp.Run()
	}
	return err
}

// read answers the commands that are there, and leaves those that have to wait, and the beginning of one.
func (s *store) read(c *stream.Conn, p []byte) {
	for len(p) > 0 && !c.Paused() {
		args, n, need, err := parse(p, make([][]byte, 0, 8))
		if err == nil && n == 0 {
			err = c.Need(need)
		}
		if err != nil {
			c.WriteString("-ERR Protocol error: " + err.Error() + "\r\n")
			c.Close()
		}
		if n == 0 || err != nil {
			break
		}
		if p = p[n:]; len(args) > 0 {
			line, value := s.do(args)
			c.WriteString(line + "\r\n")
			if value != nil {
				c.WriteBuffers([][]byte{value, []byte("\r\n")}, nil)
			}
		}
	}
	c.Unread(p)
}
