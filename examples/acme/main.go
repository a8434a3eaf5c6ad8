// Acme echoes over TLS, with a certificate that Let's Encrypt or another ACME server issues
// while the program runs. It asks for one when the first client comes, and again before that one
// ends. It is a module of its own, so that pike does not need golang.org/x/crypto.
//
//	cd examples/acme && go run . -name echo.example.com -cache /var/lib/echo
//
// The names must lead to this machine, and port 443 must be reached from outside: the ACME
// server connects to it, and asks for the protocol acme-tls/1 (RFC 8737).
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

type options struct {
	listen, names    string
	cache, directory string
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", ":443", "echo TLS on `ADDR`")
	flag.StringVar(&o.names, "name", "", "have certificates for these `NAMES`, with commas between them, and for no others")
	flag.StringVar(&o.cache, "cache", "", "keep keys and certificates in the folder `DIR`: ACME servers issue few a week")
	flag.StringVar(&o.directory, "directory", autocert.DefaultACMEDirectory, "ask the ACME server at `URL`, whose terms you accept")
	flag.Parse()
	if flag.NArg() > 0 || o.names == "" || o.cache == "" {
		fmt.Fprintln(os.Stderr, "acme: give -name NAMES and -cache DIR")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "acme:", err)
		os.Exit(1)
	}
}

// config has each handshake ask for the certificate. While there is none this takes some seconds. It runs beside
// the loop and may block, so that other connections do not wait. See LayerTimeout in listen.
func config(o options) *tls.Config {
	m := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(o.cache),
		HostPolicy: autocert.HostWhitelist(strings.Split(o.names, ",")...), // else everyone could have us ask for any name
		Client:     &acme.Client{DirectoryURL: o.directory},
	}
	return &tls.Config{
		GetCertificate: m.GetCertificate,
		NextProtos:     []string{"echo", acme.ALPNProto},
	}
}

func run(o options, out io.Writer) error {
	lp, err := loop.New(loop.Options{Logger: slog.Default()})
	if err != nil {
		return err
	}
	defer lp.Close()
	if _, err := signal.Notify(lp, func(os.Signal) { lp.Stop() }, os.Interrupt, syscall.SIGTERM); err != nil {
		return err
	}
	ln, err := listen(lp, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "listening", ln.LocalAddr())
	return lp.Run()
}

func listen(lp *loop.Loop, o options) (*tcp.Listener, error) {
	// The first client waits while the certificate is issued.
	ln, err := tcp.Listen(lp, o.listen, &tcp.Options{Layer: tlslayer.Server(config(o), nil), LayerTimeout: time.Minute})
	if err != nil {
		return nil, err
	}
	ln.OnAccept = func(c *tcp.Conn) {
		if state, ok := tlslayer.State(c); ok && state.NegotiatedProtocol == acme.ALPNProto {
			c.Close() // it was the ACME server, which has seen what it wanted
			return
		}
		c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(p) }
		c.OnEOF = func(c *tcp.Conn) { c.CloseWrite() }
	}
	ln.OnError = func(err error) { slog.Warn("no connection", "error", err) }
	return ln, nil
}
