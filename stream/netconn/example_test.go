package netconn_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream/netconn"
	"example.com/pike/tcp"
)

// An http.Server on a listener of a loop, whose limits and timeouts hold for it, and a shutdown that waits for requests.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{MaxConns: 10_000, IdleTimeout: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	nl := netconn.Listen(ln) // before Run, or on the loop

	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", strings.TrimPrefix(r.URL.Path, "/"))
	})}
	go func() {
		if err := srv.Serve(nl); err != http.ErrServerClosed {
			log.Print(err)
		}
	}()

	go func() {
		defer srv.Shutdown(context.Background()) // closes nl, and with its last connection Run ends
		resp, err := http.Get("http://" + nl.Addr().String() + "/pike")
		if err != nil {
			log.Print(err)
			return
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Printf("%s %v\n", body, err)
	}()

	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	lp.Close()
	// Output: hello, pike <nil>
}

// A dialer for code that wants a net.Conn: a driver of a database, the Transport of an http.Client. The dial is
// the loop's, and given up with the context.
func ExampleWrap() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		ln.Close()
	}

	dial := func(ctx context.Context, addr string) (net.Conn, error) {
		type dialed struct {
			c   net.Conn
			err error
		}
		done := make(chan dialed, 1)
		err := lp.Post(func() {
			_, err := tcp.DialContext(ctx, lp, addr, nil, func(c *tcp.Conn, err error) {
				if err != nil {
					done <- dialed{nil, err}
					return
				}
				done <- dialed{netconn.Wrap(c), nil}
			})
			if err != nil {
				done <- dialed{nil, err}
			}
		})
		if err != nil {
			return nil, err
		}
		d := <-done
		return d.c, d.err
	}

	addr := ln.LocalAddr().String()
	go func() {
		c, err := dial(context.Background(), addr)
		if err != nil {
			log.Print(err)
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintln(c, "ping")
		line, err := bufio.NewReader(c).ReadString('\n')
		fmt.Printf("%q %v\n", line, err)
	}()

	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	lp.Close()
	// Output: "ping\n" <nil>
}
