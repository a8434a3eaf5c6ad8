package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	datagramBytes  = 1024
	datagramsAsked = 512 // what a sender answers an ask with, and a receiver acknowledges at once
	asksUnderWay   = 2
	fillsUnderWay  = 4  // times datagramsAsked, unacknowledged
	segments       = 32 // datagrams of one send; the kernel takes 64 (UDP_MAX_SEGMENTS)
	loadUDPBuffer  = 64 << 20
	// lostAfter is how long after the last datagram the rest of an ask counts as lost.
	lostAfter = 50 * time.Millisecond
)

// DatagramReport is what udp-drain and udp-fill print.
type DatagramReport struct {
	Window
	Lost int64 // since the beginning
}

// datagrams is one socket of a load, and what passed over it.
type datagrams struct {
	clock
	span
	target Target
	fd     int32
	inbox  []byte
	want   []byte
	count  int64 // in the window
	passed int64 // ever: received, or acknowledged
	asked  int64 // ever: asked for, or sent
	lost   int64
}

func (d *datagrams) open(name string, args []string) error {
	fs := d.target.flags(name)
	d.span.flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	to, err := netip.ParseAddrPort(d.target.Addr)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	d.fd = int32(fd)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, loadUDPBuffer) != nil {
		return errors.New("SO_RCVBUFFORCE was refused: datagrams are measured as root only, as else they are lost")
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, loadUDPBuffer)
	// An old kernel without it delivers them one by one.
	unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	d.begin()
	d.inbox, d.want = make([]byte, inboxBytes), pattern(datagramBytes)
	return unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

func (d *datagrams) report(turn func() error) (*DatagramReport, error) {
	w, err := d.run(&d.clock, d.target, turn, func() bool { return d.passed > 0 }, &d.count)
	return &DatagramReport{w, d.lost}, err
}

// datagramDrainMain asks for datagrams and checks every byte of them.
func datagramDrainMain(args []string) (any, error) {
	var d datagrams
	if err := d.open("udp-drain", args); err != nil {
		return nil, err
	}
	return d.report(d.drain)
}

func (d *datagrams) drain() error {
	for d.asked-d.passed-d.lost <= (asksUnderWay-1)*datagramsAsked {
		if _, errno := send(d.fd, ask); errno != 0 && !transient(errno) {
			return fmt.Errorf("ask: %w", errno)
		}
		d.asked += datagramsAsked
	}
	n, errno := recv(d.fd, d.inbox)
	if transient(errno) {
		if err := d.rest(); err != nil {
			return err
		}
		if d.now-d.heard > lostAfter { // the rest counts as lost, and is asked for again
			d.lost = d.asked - d.passed
		}
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("recv: %w", errno)
	}
	if n == 0 || n%datagramBytes != 0 || string(d.inbox[:n]) != string(d.want[:n]) {
		return fmt.Errorf("%d wrong bytes came", n)
	}
	d.count += int64(n / datagramBytes)
	d.passed += int64(n / datagramBytes)
	d.work()
	return nil
}

// datagramFillMain sends datagrams, no more than the receiver has room for.
func datagramFillMain(args []string) (any, error) {
	var d datagrams
	if err := d.open("udp-fill", args); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(int(d.fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, datagramBytes); err != nil {
		return nil, fmt.Errorf("UDP_SEGMENT: %w", err)
	}
	return d.report(d.fill)
}

func (d *datagrams) fill() error {
	for d.asked-d.passed < fillsUnderWay*datagramsAsked {
		n, errno := send(d.fd, d.want[:segments*datagramBytes])
		if transient(errno) {
			break
		}
		if errno != 0 {
			return fmt.Errorf("send: %w", errno)
		}
		d.asked += int64(n / datagramBytes)
	}
	n, errno := recv(d.fd, d.inbox)
	if transient(errno) {
		return d.rest() // a lost datagram shows as a stall, because only whole lots are acknowledged
	}
	if errno != 0 {
		return fmt.Errorf("recv: %w", errno)
	}
	for p := d.inbox[:n]; len(p) >= 8; p = p[8:] {
		got := int64(binary.LittleEndian.Uint64(p))
		if got != d.passed+datagramsAsked || got > d.asked {
			return fmt.Errorf("%d datagrams acknowledged after %d, of %d", got, d.passed, d.asked)
		}
		d.passed = got
		d.count += datagramsAsked
	}
	d.work()
	return nil
}
