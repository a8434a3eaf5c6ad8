package udp_test

import (
	"net/netip"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/timer"
	"example.com/pike/udp"
)

// apart runs a test on a thread with a network of its own, which the commands of sh
// set up and which ends with it.
func apart(t *testing.T, sh string, test func()) {
	t.Helper()
	why := ""
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		defer close(done)
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			why = err.Error()
			return
		}
		if out, err := exec.Command("sh", "-c", sh).CombinedOutput(); err != nil {
			why = err.Error() + ": " + string(out)
			return
		}
		test()
	}()
	<-done
	if why != "" {
		t.Skip("no network of our own here: ", why)
	}
}

// A socket whose buffer is full while ARP asks for an address that nobody has: what
// the system has taken is told.
func TestBufferedFallsWithWhatIsTaken(t *testing.T) {
	const pair = "ip link add va type veth peer name vb && ip addr add 10.99.0.1/24 dev va && ip link set va up && ip link set vb up"
	apart(t, pair, func() {
		lp := newLoop(t)
		c, err := udp.Listen(lp, "10.99.0.1:0", &udp.Options{WriteBuffer: 8192, NoOffload: true})
		if err != nil {
			t.Error(err)
			return
		}
		told := 0
		to := netip.MustParseAddrPort("10.99.0.99:9")
		for range 50 {
			c.WriteBuffer(make([]byte, 1000), to, func(error) { told++ })
		}
		timer.After(lp, 50*time.Millisecond, lp.Stop)
		if err := lp.Run(); err != nil {
			t.Error(err)
		}
		if n, _ := c.Buffered(); n == 50 || n+told != 50 {
			t.Errorf("the system has taken some; Buffered is %d of 50, and %d done functions were called", n, told)
		}
		c.Abort()
		lp.Close()
	})
}
