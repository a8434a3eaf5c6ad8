package udp_test

import (
	"fmt"
	"log"
	"net"
	"net/netip"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// A server that answers each datagram, and a client that asks once.
func Example() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()

	server, err := udp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	server.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		c.WriteTo(append([]byte("you said "), p...), from)
	}

	client, err := udp.Dial(lp, server.LocalAddr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	client.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		fmt.Println(string(p))
		c.Close()
		server.Close()
	}
	client.Write([]byte("hello"))

	if err := lp.Run(); err != nil { // until both are closed
		log.Fatal(err)
	}
	// Output: you said hello
}

// What arrives together can be taken together.
func ExampleConn_onReadBatch() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	total := 0
	c.OnReadBatch = func(c *udp.Conn, ms []udp.Message) {
		for _, m := range ms { // each a datagram, or a run of them
			for p := range m.Datagrams() {
				total += len(p)
			}
		}
		if total == 300 {
			fmt.Println("300 bytes")
			c.Close()
		}
	}
	for range 3 {
		c.WriteTo(make([]byte, 100), c.LocalAddr())
	}
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output: 300 bytes
}

// WriteBuffer copies nothing; done says when the memory is free again, and what
// became of the datagram.
func ExampleConn_WriteBuffer() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	huge := make([]byte, 65536) // no datagram is so long
	c.WriteBuffer(huge, c.LocalAddr(), func(err error) {
		fmt.Println("sent:", err == nil)
		c.Close()
	})
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output: sent: false
}

// Join receives a multicast group; which interface it is on matters.
func ExampleConn_Join() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	c, err := udp.Listen(lp, "0.0.0.0:5353", &udp.Options{ReuseAddr: true})
	if err != nil {
		log.Fatal(err)
	}
	ifi, err := net.InterfaceByName("eth0")
	if err != nil {
		log.Fatal(err)
	}
	mdns := netip.MustParseAddr("224.0.0.251")
	if err := c.Join(ifi, mdns, netip.Addr{}); err != nil {
		log.Fatal(err)
	}
	c.OnRead = func(_ *udp.Conn, p []byte, from netip.AddrPort) { fmt.Println(from, len(p)) }
	lp.Run()
}
