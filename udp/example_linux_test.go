package udp_test

import (
	"fmt"
	"log"
	"net/netip"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// WriteMessage sends what the IP header is to say; here, that the sender knows
// about congestion (ECN). The answer leaves as a run.
func ExampleConn_WriteMessage() {
	lp, err := loop.New(loop.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer lp.Close()
	server, err := udp.Listen(lp, "127.0.0.1:0", &udp.Options{RecvTrafficClass: true})
	if err != nil {
		log.Fatal(err)
	}
	server.OnReadBatch = func(c *udp.Conn, ms []udp.Message) {
		fmt.Println("capable of ECN:", ms[0].TrafficClass&3 == udp.ECT0)
		c.WriteMessage(udp.Message{Data: []byte("one two six"), Peer: ms[0].Peer, Segment: 4})
	}
	client, err := udp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	client.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		fmt.Printf("%q\n", p)
		if string(p) == "six" {
			c.Close()
			server.Close()
		}
	}
	question := udp.Message{Data: []byte("?"), Peer: server.LocalAddr()}
	question.TrafficClass = udp.ECT0
	client.WriteMessage(question)
	if err := lp.Run(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// capable of ECN: true
	// "one "
	// "two "
	// "six"
}
