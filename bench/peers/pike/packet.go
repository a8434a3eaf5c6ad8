package main

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"example.com/pike/bench/peers/work"
	"example.com/pike/loop"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

func listen(lp *loop.Loop) (*udp.Conn, error) {
	c, err := udp.Listen(lp, "127.0.0.1:0", nil)
	if err != nil {
		return nil, err
	}
	c.OnError = func(_ *udp.Conn, err error) { work.Fail(err) }
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	return c, raw.Control(work.Widen)
}

// answerAsks answers each ask by many datagrams.
func answerAsks(lp *loop.Loop, _ []string) error {
	c, err := listen(lp)
	if err != nil {
		return err
	}
	p := work.Pattern(work.DatagramSize)
	c.OnRead = func(c *udp.Conn, _ []byte, from netip.AddrPort) {
		for range work.DatagramsAsked {
			c.WriteTo(p, from)
		}
	}
	work.Announce("udp", c.LocalAddr())
	return nil
}

// acknowledge answers each so many datagrams with their count.
func acknowledge(lp *loop.Loop, _ []string) error {
	c, err := listen(lp)
	if err != nil {
		return err
	}
	count, ack := uint64(0), make([]byte, 8)
	c.OnRead = func(c *udp.Conn, p []byte, from netip.AddrPort) {
		if len(p) != work.DatagramSize {
			return
		}
		if count++; count%work.DatagramsAsked == 0 {
			binary.LittleEndian.PutUint64(ack, count)
			c.WriteTo(ack, from)
		}
	}
	work.Announce("udp", c.LocalAddr())
	return nil
}

type pummeling struct{ sent, received int64 }

// pummel has senders with one datagram under way each, and receivers, on one loop.
func pummel(lp *loop.Loop, args []string) error {
	pairs, window := number(args, 0), time.Duration(number(args, 1))*time.Millisecond
	var n pummeling
	message := []byte(work.Pummel)
	for range pairs {
		in, err := udp.Listen(lp, "127.0.0.1:0", nil)
		if err != nil {
			return err
		}
		in.OnRead = func(_ *udp.Conn, p []byte, _ netip.AddrPort) {
			if string(p) != work.Pummel {
				work.Fail(errors.New("a datagram that nobody sent"))
			}
			n.received++
		}
		out, err := udp.Listen(lp, "0.0.0.0:0", nil)
		if err != nil {
			return err
		}
		to := in.LocalAddr()
		out.OnError = func(_ *udp.Conn, err error) { work.Fail(err) }
		out.OnWrite = func(c *udp.Conn) {
			n.sent++
			c.WriteTo(message, to)
		}
		out.WriteTo(message, to)
	}
	_, err := timer.After(lp, window/4, func() { n.measure(lp, window) })
	return err
}

func (n *pummeling) measure(lp *loop.Loop, window time.Duration) {
	before, cpu, begin := *n, work.CPU(), time.Now()
	timer.After(lp, window, func() {
		wall, got := time.Since(begin).Seconds(), float64(n.received-before.received)
		work.Report(map[string]float64{
			"rate": got / wall,
			"CPU":  float64(work.CPU()-cpu) / got,
			"sent": float64(n.sent-before.sent) / wall,
			"lost": 100 * float64(n.sent-n.received) / float64(n.sent),
		})
		os.Exit(0)
	})
}
