package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"

	"example.com/pike/examples/internal/secure"
	"example.com/pike/poller"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/proxyproto"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/unix"
)

type options struct {
	tcp, udp     string
	unix         string
	mode         permissions
	frame, loops int
	secure       secure.Flags
	ownRecords   bool
	proxied      bool
}

// permissions are given in octal, as to chmod.
type permissions uint32

func (p *permissions) String() string { return fmt.Sprintf("%04o", uint32(*p)) }

// Set implements flag.Value.
func (p *permissions) Set(text string) error {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return errors.New("it is octal, and at most 0777")
	}
	*p = permissions(n)
	return nil
}

// parse reads the command line, and ends the program where that is wrong.
func parse() (o options) {
	fs := flag.CommandLine
	fs.StringVar(&o.tcp, "listen", "", "echo TCP on `ADDR`")
	fs.StringVar(&o.udp, "udp", "", "echo UDP on `ADDR`")
	fs.StringVar(&o.unix, "unix", "", "echo on the unix-domain socket `PATH`, or @NAME on Linux")
	fs.Var(&o.mode, "mode", "permissions of that file, `OCTAL`, 0660 say; the umask has the say without")
	fs.IntVar(&o.frame, "frame", 0, "answer each `N` bytes of a connection by a write of its own; 0 answers what arrives")
	fs.IntVar(&o.loops, "loops", 1, "serve on `N` loops, each on a thread of its own; 0 is one for each processor")
	o.secure.Register(fs)
	fs.BoolVar(&o.ownRecords, "tls-own-records", false, "have pike's own code open and seal the records of TLS 1.3: see docs/security.md")
	fs.BoolVar(&o.proxied, "proxy-protocol", false, "want a PROXY header first on each TCP connection, which must come from this machine")
	flag.Parse()
	if err := o.check(fs.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		flag.Usage()
		os.Exit(2)
	}
	return o
}

func (o *options) check(more []string) error {
	switch {
	case len(more) > 0:
		return fmt.Errorf("%q is no flag", more[0])
	case o.tcp == "" && o.udp == "" && o.unix == "":
		return errors.New("give -listen ADDR, -udp ADDR, -unix PATH, or several of them")
	case o.mode != 0 && o.unix == "":
		return errors.New("-mode is of a file: give -unix PATH")
	case o.frame < 0 || o.loops < 0:
		return errors.New("-frame and -loops are not negative")
	case o.tcp == "" && (o.proxied || o.secure.On()):
		return errors.New("-proxy-protocol and TLS are for TCP: give -listen ADDR")
	case o.ownRecords && !o.secure.On():
		return errors.New("-tls-own-records needs -tls-self, or -tls-cert and -tls-key")
	}
	return o.secure.Check()
}

// paths is how a path is listened on.
func (o *options) paths() *unix.ListenConfig { return &unix.ListenConfig{Mode: os.FileMode(o.mode)} }

// loopback is who may say for whom it connects.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// layer is what the bytes of TCP go through, or nil. A proxy's header comes before the handshake.
func (o *options) layer(out io.Writer) (poller.Layer, error) {
	cfg, err := o.secure.Config(out)
	if err != nil {
		return nil, err
	}
	var l layer.Stack
	if o.proxied {
		l = append(l, proxyproto.Server(&proxyproto.Options{Trusted: loopback}))
	}
	if cfg != nil {
		l = append(l, tlslayer.Server(cfg, &tlslayer.Options{OwnRecords: o.ownRecords}))
	}
	if len(l) == 0 {
		return nil, nil
	}
	return l, nil
}
