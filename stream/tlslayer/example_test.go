package tlslayer_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"sync/atomic"

	"example.com/pike/loop"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// A server whose certificate changes while it runs: each handshake asks for it, beside the loop, so that
// GetCertificate may also read a file, or wait for somebody who issues one.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	var current atomic.Pointer[tls.Certificate] // whoever gets a new one stores it here
	self := pairs["p256"]()                     // a certificate that signs itself
	current.Store(&self.cert)
	server := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil },
	}
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Layer: tlslayer.Server(server, nil)})
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
	}
	ln.OnError = func(err error) { log.Print(err) } // handshakes that have failed, too

	client := &tls.Config{RootCAs: self.pool}
	_, err = tcp.Dial(lp, ln.LocalAddr().String(), &tcp.Options{Layer: tlslayer.Client(client, nil)}, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = func(c *tcp.Conn, p []byte) {
			fmt.Printf("%s\n", p)
			c.CloseWrite()
		}
		c.OnClose = func(_ *tcp.Conn, err error) {
			fmt.Println("closed:", err == nil || err == io.EOF)
			lp.Stop()
		}
		c.WriteString("hello")
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello
	// closed: true
}
