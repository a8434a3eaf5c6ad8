//go:build unix

package handover_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/handover"
	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// patience bounds every wait; nothing is expected to take so long.
const patience = time.Minute

// roles are what processes of the tests do. What they write to their standard error is the test's.
var roles = map[string]func() int{
	"serve":   serve,
	"crash":   func() int { return 3 },
	"end":     func() int { return 0 },
	"silent":  func() int { hold(); return 0 },
	"deaf":    deaf,
	"babble":  babble,
	"inherit": inherit,
	"report":  report,
}

// hold holds a process until the test kills it.
func hold() { time.Sleep(patience) }

// deaf gives up what it was given, and goes on.
func deaf() int {
	g, err := handover.Take()
	if err != nil {
		return 1
	}
	g.Close()
	hold()
	return 0
}

// babble says something else. Its pipe is behind two sockets.
func babble() int {
	if _, err := os.NewFile(5, "ready").WriteString("READY=0\n"); err != nil {
		return 1
	}
	hold()
	return 0
}

// serve accepts one connection of each listener, and says to it which it is.
func serve() int {
	if err := serveOnce(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveOnce() error {
	g, err := handover.Take()
	if err != nil {
		return err
	}
	lp, err := loop.New(loop.Options{})
	if err != nil {
		return err
	}
	defer lp.Close()
	for _, name := range []string{"one", "two"} {
		ln, err := g.Listener(lp, name, nil)
		if err != nil {
			return err
		}
		ln.OnAccept = func(c *tcp.Conn) {
			c.WriteString(name)
			c.Close()
			ln.Close()
		}
	}
	if _, err := g.Listener(lp, "", nil); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("a third listener: %v", err)
	}
	for range 2 { // the second does nothing
		if err := g.Ready(); err != nil {
			return err
		}
	}
	return lp.Run()
}

// inherit writes what it was given, and what a child of its own is given.
func inherit() int {
	g, err := handover.Take()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, f := range g.Files() {
		if nl, err := net.FileListener(f); err == nil {
			fmt.Println(f.Name(), nl.Addr())
			nl.Close()
		} else if pc, err := net.FilePacketConn(f); err == nil {
			fmt.Println(f.Name(), pc.LocalAddr())
			pc.Close()
		}
	}
	if again, err := handover.Take(); err != nil || len(again.Files()) > 0 {
		fmt.Println("again", err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=report")
	out, err := cmd.CombinedOutput()
	fmt.Printf("%sits child: %v\n", out, err)
	return 0
}

// report writes which of the descriptors that sockets are passed by are open sockets, and the variables about them.
func report() int {
	for fd := 3; fd < 6; fd++ {
		if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
			fmt.Println("socket", fd)
		}
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") || strings.HasPrefix(v, "PIKE_HANDOVER=") {
			fmt.Println(v)
		}
	}
	return 0
}

// A rig is a loop with two listeners.
type rig struct {
	*testing.T
	lp  *loop.Loop
	lns map[string]*stream.Listener
}

func newRig(t *testing.T) *rig {
	t.Helper()
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lp.Close() })
	r := &rig{t, lp, map[string]*stream.Listener{}}
	for _, name := range []string{"one", "two"} {
		ln, err := tcp.Listen(lp, "127.0.0.1:0", nil)
		r.no(err)
		ln.OnAccept = func(c *tcp.Conn) { c.WriteString("old"); c.Close() }
		r.lns[name] = ln
	}
	return r
}

func (r *rig) no(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) is(err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("%v, want %v", err, want)
	}
}

// until runs the loop until cond holds.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	late := time.AfterFunc(patience, func() { r.lp.Stop() })
	defer late.Stop()
	begun := time.Now()
	for !cond() {
		if _, err := r.lp.RunOnce(); err != nil {
			r.Fatal(err)
		}
		if time.Since(begun) >= patience {
			r.Fatalf("waited in vain until %s", what)
		}
	}
}

// start starts a process that does what its role says.
func (r *rig) start(as string, within time.Duration, done func(*handover.Next, error)) *handover.Next {
	r.Helper()
	n, err := handover.Start(r.lp, command(as), handover.Options{Listeners: r.lns, Within: within}, done)
	r.no(err)
	return n
}

func command(as string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as)
	return cmd
}

// says is what who accepts at a listener says.
func (r *rig) says(name string) string {
	r.Helper()
	addr := r.lns[name].LocalAddr().String()
	said := make(chan string, 1)
	go func() {
		defer r.lp.Post(func() {})
		c, err := net.DialTimeout("tcp", addr, patience)
		if err != nil {
			said <- err.Error()
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 10)
		n, _ := c.Read(b)
		said <- string(b[:n])
	}()
	r.until("it is said", func() bool { return len(said) == 1 })
	return <-said
}

func (r *rig) names() (left []string) {
	r.lp.Walk(func(h loop.Handle) { left = append(left, fmt.Sprintf("%T", h)) })
	return left
}
