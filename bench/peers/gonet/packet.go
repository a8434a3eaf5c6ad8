package main

import (
	"encoding/binary"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"

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

// pummel has as many senders as receivers, a goroutine each, in one process.
func pummel(pairs int, window time.Duration) {
	var sent, received atomic.Int64
	var group sync.WaitGroup
	for range pairs {
		in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			log.Fatal(err)
		}
		out, err := net.ListenUDP("udp4", nil)
		if err != nil {
			log.Fatal(err)
		}
		to := in.LocalAddr().(*net.UDPAddr).AddrPort()
		group.Add(2)
		go func() {
			for p := make([]byte, 64<<10); ; received.Add(1) {
				if n, _, err := in.ReadFromUDPAddrPort(p); err != nil || string(p[:n]) != work.Pummel {
					log.Fatal("a datagram that nobody sent, or ", err)
				}
			}
		}()
		go func() {
			for p := []byte(work.Pummel); ; sent.Add(1) {
				if _, err := out.WriteToUDPAddrPort(p, to); err != nil {
					log.Fatal(err)
				}
			}
		}()
	}
	time.Sleep(window / 4)
	s, r, cpu, begin := sent.Load(), received.Load(), work.CPU(), time.Now()
	time.Sleep(window)
	got, wall := float64(received.Load()-r), time.Since(begin).Seconds()
	work.Report(map[string]float64{
		"rate": got / wall, "CPU": float64(work.CPU()-cpu) / got, "sent": float64(sent.Load()-s) / wall,
		"lost": 100 * float64(sent.Load()-received.Load()) / float64(sent.Load()),
	})
}
