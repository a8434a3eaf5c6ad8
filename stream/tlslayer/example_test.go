package tlslayer_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"sync/atomic"
	"time"

	"example.com/pike/loop"
	"example.com/pike/stream"
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

// A proxy that chooses a server by the name in the ClientHello, and does not terminate TLS: it has no
// certificate, and the keys are known to the two ends only.
func ExampleParseClientHello() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	// Two servers, each with a certificate for a name of its own.
	backends, roots := make(map[string]string), x509.NewCertPool()
	for _, name := range []string{"a.example", "b.example"} {
		self := pairFor(name)
		roots.AddCert(self.cert.Leaf)
		cfg := &tls.Config{Certificates: []tls.Certificate{self.cert}}
		ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Layer: tlslayer.Server(cfg, nil)})
		if err != nil {
			log.Fatal(err)
		}
		ln.OnAccept = func(c *tcp.Conn) {
			c.WriteString("this is " + name)
			c.Close()
		}
		backends[name] = ln.LocalAddr().String()
	}

	proxy, err := tcp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	proxy.OnAccept = func(in *tcp.Conn) {
		var read []byte // a ClientHello, as far as it is here: MaxClientHello at most, and what one OnRead brings
		in.SetReadDeadline(10 * time.Second)
		in.OnRead = func(in *tcp.Conn, p []byte) {
			read = append(read, p...)
			hello, _, err := tlslayer.ParseClientHello(read)
			if errors.Is(err, tlslayer.ErrIncomplete) {
				return
			}
			if err != nil || backends[hello.ServerName] == "" {
				in.Abort()
				return
			}
			in.SetReadDeadline(0)
			out, err := tcp.Dial(lp, backends[hello.ServerName], nil, func(*tcp.Conn, error) {}) // Join resets in if it fails
			if err != nil {
				in.Abort()
				return
			}
			out.Write(read) // goes out when the connection is there
			stream.Join(in, out, nil)
		}
	}

	names := []string{"a.example", "b.example"}
	left := len(names)
	for _, name := range names {
		client := &tls.Config{RootCAs: roots, ServerName: name}
		_, err := tcp.Dial(lp, proxy.LocalAddr().String(), &tcp.Options{Layer: tlslayer.Client(client, nil)}, func(c *tcp.Conn, err error) {
			if err != nil {
				log.Fatal(err)
			}
			c.OnRead = func(c *tcp.Conn, p []byte) { fmt.Printf("%s: %s\n", name, p) }
			c.OnClose = func(*tcp.Conn, error) {
				if left--; left == 0 {
					lp.Stop()
				}
			}
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// a.example: this is a.example
	// b.example: this is b.example
}
