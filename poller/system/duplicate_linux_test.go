//go:build linux

package system_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/poller"
)

// A duplicate that Release is not asked for makes no events once the stream is closed.
func TestDuplicateIsNotWatched(t *testing.T) {
	each(t, func(t *testing.T, p poller.Poller) {
		a, b := pair(t, p, local)
		b.Start()
		pause(t, p, 10*time.Millisecond)
		fd, err := b.Stream.(poller.Duplicator).Duplicate()
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(int(fd))
		over := false
		b.closed = func() { over = true }
		b.Close()
		until(t, p, "over", func() bool { return over })
		a.Stop()
		before := p.(poller.Meter).Events()
		for range 50 {
			a.Send([][]byte{[]byte("x")})
			pause(t, p, time.Millisecond)
		}
		t.Log("events:", p.(poller.Meter).Events()-before)
		if p.(poller.Meter).Events()-before > 5 {
			t.Error("the duplicate is watched still")
		}
	})
}
