package main

import (
	"encoding/binary"
	"log"
	"net"

	"example.com/pike/bench/peers/work"
)

// answerAsks answers each ask by many datagrams.
func answerAsks(c *net.UDPConn) {
	ask, p := make([]byte, 64), work.Pattern(work.DatagramSize)
	for {
		_, from, err := c.ReadFromUDPAddrPort(ask)
		if err != nil {
			log.Fatal(err)
		}
		for range work.DatagramsAsked {
			if _, err := c.WriteToUDPAddrPort(p, from); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// acknowledge answers each so many datagrams with their count.
func acknowledge(c *net.UDPConn) {
	p := make([]byte, 64<<10)
	ack := make([]byte, 8)
	for count := uint64(0); ; {
		n, from, err := c.ReadFromUDPAddrPort(p)
		if err != nil {
			log.Fatal(err)
		}
		if n != work.DatagramSize {
			continue
		}
		if count++; count%work.DatagramsAsked == 0 {
			binary.LittleEndian.PutUint64(ack, count)
			c.WriteToUDPAddrPort(ack, from)
		}
	}
}
