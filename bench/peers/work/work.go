// Package work is what the peers in Go share: the sizes that all peers keep alike, those in C too (server.h, solo.h), and
// how they say where they listen and what they measured.
package work

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	Piece          = 8 << 10 // what pump writes at a time
	BurstWrites    = 100000  // of a burst, BurstSize bytes each
	BurstSize      = 13
	DatagramSize   = 1024
	DatagramsAsked = 512 // what a sender sends when it is asked, and a receiver acknowledges at once
	UDPBuffer      = 8 << 20

	Pummel = "RANG TANG DING DONG I AM THE JAPANESE SANDMAN"
)

// Pattern is what all peers send: no short period, so that a shift by any count shows.
func Pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 131 >> 3)
	}
	return p
}

// Random gives the numbers that every peer's programs draw (xorshift64).
type Random uint64

func NewRandom() Random { return 88172645463325252 }

func (r *Random) Next() uint64 {
	*r ^= *r << 13
	*r ^= *r >> 7
	*r ^= *r << 17
	return uint64(*r)
}

// Shuffle is the elements of all in any order, so that each is somewhere else in memory than the last.
func Shuffle[T any](all []T, random *Random) []T {
	all = slices.Clone(all)
	for i := range all {
		k := random.Next() % uint64(len(all))
		all[i], all[k] = all[k], all[i]
	}
	return all
}

// Announce tells the bench where a server listens.
func Announce(kind string, addr any) { fmt.Println("listening", kind, addr) }

// AnnounceSocket is Announce of what getsockname returns.
func AnnounceSocket(kind string, sa unix.Sockaddr) {
	if a, ok := sa.(*unix.SockaddrInet4); ok {
		Announce(kind, netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)))
	}
}

// Report tells the bench what a program measured of itself.
func Report(sample map[string]float64) {
	if err := json.NewEncoder(os.Stdout).Encode(sample); err != nil {
		Fail(err)
	}
}

// Fail ends a peer that cannot go on.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// CPU is the process's CPU time, of all its threads.
func CPU() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

// Widen lets a datagram socket hold all that is under way, beyond the limit that root alone may pass (socket(7)).
func Widen(fd uintptr) {
	if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, UDPBuffer) != nil {
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, UDPBuffer)
	}
}

// WidenConn is Widen of a socket of package net.
func WidenConn(c *net.UDPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		Fail(err)
	}
	raw.Control(Widen)
}
