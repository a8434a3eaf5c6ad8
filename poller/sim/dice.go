package sim

import (
	"math/bits"
	"math/rand/v2"

	"example.com/pike/poller"
)

// A die is something that the seed decides by drawing numbers. Each fault has a die of its
// own, and so has each of the things below. If a fault is taken out of a world, the draws of
// the others stay as they were. Without that no failure could be made smaller.
type die int

const (
	dieOrder   die = die(NumFaults) + iota // of sockets within a Poll
	dieNet                                 // jitter
	dieTurn                                // when a program that has something to do is scheduled
	dieJob                                 // how long jobs take
	diePort                                // where ephemeral ports begin
	dieBatch                               // how much one upcall delivers
	dieAck                                 // what is acknowledged late
	dieUser                                // World.Rand
	dieSegment                             // which datagrams are received in one run
	dieCount
)

// dice are the generators. They use only Uint64 of a PCG, and integer arithmetic. The
// methods of rand.Rand may change between versions of Go. Floating point may round in another
// way on a processor that fuses multiply and add.
type dice [dieCount]rand.PCG

func (d *dice) seed(seed uint64) {
	for i := range d {
		d[i].Seed(seed, uint64(i)*0x9E3779B97F4A7C15+0xD1B54A32D192ED03)
	}
}

// below draws from 0 to n-1; of n < 1 it is 0.
func (d *dice) below(which die, n int64) int64 {
	return int64(below(&d[which], poller.Time(n)))
}

func below(d *rand.PCG, n poller.Time) poller.Time {
	if n <= 1 {
		return 0
	}
	// The bias is n in 2^64 (Lemire, Fast Random Integer Generation in an
	// Interval), and the same everywhere.
	hi, _ := bits.Mul64(d.Uint64(), uint64(n))
	return poller.Time(hi)
}

// chance is true ppm times in a million draws.
func (d *dice) chance(which die, ppm uint32) bool {
	return uint32(d[which].Uint64()>>32*million>>32) < ppm
}

const million = 1_000_000

// between draws a span of time from lo to hi.
func (d *dice) between(which die, lo, hi poller.Time) poller.Time {
	return lo + poller.Time(d.below(which, int64(hi-lo)+1))
}
