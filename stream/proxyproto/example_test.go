package proxyproto_test

import (
	"fmt"
	"log"
	"net/netip"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/stream/proxyproto"
	"example.com/pike/tcp"
)

// A server behind a proxy, and what a proxy does: both on one loop.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} // where the proxies are
	ln, err := tcp.Listen(lp, "127.0.0.1:0", &tcp.Options{Layer: proxyproto.Server(&proxyproto.Options{Trusted: trusted})})
	if err != nil {
		log.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		h, _ := proxyproto.Of(c)
		fmt.Printf("%v asks for %s\n", c.RemoteAddr(), h.Authority())
		c.Close()
		ln.Close()
	}

	// A proxy has these from RemoteAddr and LocalAddr of the connection of its client.
	client := poller.AddrOf(netip.MustParseAddrPort("192.0.2.7:4711"))
	here := poller.AddrOf(netip.MustParseAddrPort("198.51.100.1:443"))
	h := proxyproto.NewHeader(2, client, here)
	h.TLVs = []proxyproto.TLV{{Type: proxyproto.TypeAuthority, Value: []byte("www.example.org")}, {Type: proxyproto.TypeCRC32C}}
	o := &tcp.Options{Layer: proxyproto.Client(h)}
	_, err = tcp.Dial(lp, ln.LocalAddr().String(), o, func(c *tcp.Conn, err error) {
		if err != nil {
			log.Fatal(err)
		}
		c.OnRead = stream.Discard // so that it closes when the server does
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output: 192.0.2.7:4711 asks for www.example.org
}

func ExampleParse() {
	h, n, err := proxyproto.Parse([]byte("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n"))
	fmt.Println(h.Source, h.Destination, n, err)

	_, n, err = proxyproto.Parse([]byte("PROXY TCP4 192.1"))
	fmt.Println(n, err)

	_, _, err = proxyproto.Parse([]byte("GET / HTTP/1.1\r\n"))
	fmt.Println(err)
	// Output:
	// 192.168.0.1:56324 192.168.0.11:443 47 <nil>
	// 17 incomplete PROXY header
	// PROXY header: signature: the connection begins with "GET / HTTP/1.1\r\n"
}

func ExampleHeader_Append() {
	client := poller.AddrOf(netip.MustParseAddrPort("[2001:db8::7]:4711"))
	here := poller.AddrOf(netip.MustParseAddrPort("[2001:db8::1]:443"))
	b, err := proxyproto.NewHeader(1, client, here).Append(nil)
	fmt.Printf("%q %v\n", b, err)
	// Output: "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n" <nil>
}
