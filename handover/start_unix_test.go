//go:build unix

package handover_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/pike/handover"
	"example.com/pike/stream"
)

// outcome starts a process, and waits until it is known what has become of it. It is told once.
func (r *rig) outcome(as string, within time.Duration) (n *handover.Next, err error) {
	r.Helper()
	told := 0
	n = r.start(as, within, func(next *handover.Next, e error) { told++; err = e })
	if n.Pid() <= 0 {
		r.Errorf("its number is %d", n.Pid())
	}
	r.until("its end is told", func() bool { return told > 0 })
	for range 3 {
		_, e := r.lp.RunNoWait()
		r.no(e)
	}
	if told != 1 {
		r.Errorf("done was called %d times", told)
	}
	return n, err
}

// The next process has the listeners by their names, and what waits in their backlog.
func TestStart(t *testing.T) {
	r := newRig(t)
	n, err := r.outcome("serve", 0)
	r.no(err)
	waits, err := net.Dial("tcp", r.lns["one"].LocalAddr().String()) // our loop does not run
	r.no(err)
	defer waits.Close()
	for _, ln := range r.lns {
		r.no(ln.Close())
	}
	waits.SetDeadline(time.Now().Add(patience))
	b := make([]byte, 10)
	got, _ := waits.Read(b)
	if s := string(b[:got]); s != "one" {
		t.Errorf("it was told %q", s)
	}
	if s := r.says("two"); s != "two" {
		t.Errorf("of two it was said %q", s)
	}
	r.no(n.Cancel()) // which is too late
	if left := r.handles(); left != "" {
		t.Errorf("handles are left: %s", left)
	}
	r.no(r.lp.Run())
}

// What does not get ready changes nothing, and the reason says why.
func TestStartFails(t *testing.T) {
	const forEver = 2 * patience
	for name, c := range map[string]struct {
		as     string
		within time.Duration
		holds  func(err error) bool
		says   string
	}{
		"it crashes": {"crash", forEver, func(err error) bool {
			var exit *exec.ExitError
			return errors.As(err, &exit) && exit.ExitCode() == 3
		}, "without a word that it is ready: exit status 3"},
		"it ends":            {"end", forEver, func(error) bool { return true }, "without a word that it is ready"},
		"it closes its pipe": {"deaf", forEver, func(error) bool { return true }, "without a word that it is ready: signal: killed"},
		"it says nothing": {"silent", 10 * time.Millisecond, func(err error) bool {
			return errors.Is(err, os.ErrDeadlineExceeded)
		}, "not ready after 10ms"},
		"it says another word": {"babble", forEver, func(err error) bool {
			return errors.Is(err, os.ErrInvalid)
		}, `it said "READY=0\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			n, err := r.outcome(c.as, c.within)
			if err == nil || !c.holds(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the reason is %v", err)
			}
			r.is(n.Signal(syscall.SIGHUP), os.ErrProcessDone)
			for name := range r.lns {
				if s := r.says(name); s != "old" {
					t.Errorf("of %s it was said %q", name, s)
				}
			}
			if left := r.handles(); left != "*stream.Listener *stream.Listener" {
				t.Errorf("handles: %s", left)
			}
		})
	}
}

func (r *rig) handles() string {
	r.Helper()
	for range 5 { // those that close need a turn
		_, err := r.lp.RunNoWait()
		r.no(err)
	}
	return strings.Join(r.names(), " ")
}

// Who is given up is told of as closed, and killed.
func TestCancel(t *testing.T) {
	r := newRig(t)
	var reason error
	told := 0
	n := r.start("silent", 0, func(_ *handover.Next, err error) { told++; reason = err })
	for range 2 {
		r.no(n.Cancel())
	}
	r.until("its end is told", func() bool { return told > 0 })
	r.is(reason, net.ErrClosed)
	r.is(n.Signal(syscall.SIGHUP), os.ErrProcessDone)
	r.no(n.Cancel())
	if s := r.says("one"); s != "old" || told != 1 {
		t.Errorf("it was said %q, and done called %d times", s, told)
	}
}

// A loop that is closed kills who is not ready, because nobody would replace anybody then.
func TestLoopCloses(t *testing.T) {
	r := newRig(t)
	var reason error
	told := 0
	n := r.start("silent", 0, func(_ *handover.Next, err error) { told++; reason = err })
	r.no(r.lp.Close())
	r.is(reason, net.ErrClosed)
	if told != 1 {
		t.Errorf("done was called %d times", told)
	}
	for end := time.Now().Add(patience); n.Signal(syscall.Signal(0)) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it lives on")
		}
	}
}

// What cannot be started leaves nothing.
func TestStartErrors(t *testing.T) {
	r := newRig(t)
	done := func(*handover.Next, error) { t.Error("done was called") }
	one := map[string]*stream.Listener{"one": r.lns["one"]}
	colon := map[string]*stream.Listener{"a:b": r.lns["one"]}
	closed := r.lns["two"]
	r.no(closed.Close())
	for name, c := range map[string]struct {
		cmd  *exec.Cmd
		o    handover.Options
		done func(*handover.Next, error)
		want error
	}{
		"no command":       {nil, handover.Options{}, done, os.ErrInvalid},
		"no function":      {command("end"), handover.Options{}, nil, os.ErrInvalid},
		"a negative time":  {command("end"), handover.Options{Within: -1}, done, os.ErrInvalid},
		"a name with :":    {command("end"), handover.Options{Listeners: colon}, done, os.ErrInvalid},
		"no listener":      {command("end"), handover.Options{Listeners: map[string]*stream.Listener{"a": nil}}, done, os.ErrInvalid},
		"a closed one":     {command("end"), handover.Options{Listeners: map[string]*stream.Listener{"a": closed}}, done, net.ErrClosed},
		"no such program":  {exec.Command("/no/such/program"), handover.Options{Listeners: one}, done, os.ErrNotExist},
		"no loop":          {command("end"), handover.Options{}, done, os.ErrInvalid},
		"no such program2": {exec.Command("/no/such/program"), handover.Options{}, done, os.ErrNotExist},
	} {
		lp := r.lp
		if name == "no loop" {
			lp = nil
		}
		if _, err := handover.Start(lp, c.cmd, c.o, c.done); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if left := r.handles(); left != "*stream.Listener" {
		t.Errorf("handles: %s", left)
	}
}

// A process takes by systemd's convention what is its own, and its children take nothing. A shell knows its number
// before it becomes the process, as systemd does.
func TestTake(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	r := newRig(t)
	files := []*os.File{}
	want := []string{}
	for _, name := range []string{"one", "two"} {
		f, err := r.lns[name].File()
		r.no(err)
		defer f.Close()
		files = append(files, f)
		want = append(want, name+" "+r.lns[name].LocalAddr().String())
	}
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	r.no(err)
	defer pc.Close()
	f, err := pc.File()
	r.no(err)
	defer f.Close()
	files, want = append(files, f), append(want, "three "+pc.LocalAddr().String())
	nameless := []string{}
	for _, line := range want {
		nameless = append(nameless, line[strings.Index(line, " "):])
	}
	for names, lines := range map[string][]string{"one:two:three": want, "": nameless} {
		cmd := exec.Command(sh, "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
		cmd.Env = append(os.Environ(), role+"=inherit", "LISTEN_FDS=3", "LISTEN_FDNAMES="+names)
		cmd.ExtraFiles = files
		out, err := cmd.CombinedOutput()
		r.no(err)
		if got, want := string(out), strings.Join(append(lines, "its child: <nil>\n"), "\n"); got != want {
			t.Errorf("it was given\n%swant\n%s", got, want)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=inherit", "LISTEN_FDS=3", "LISTEN_PID=1", "LISTEN_FDNAMES=one:two:three")
	cmd.ExtraFiles = files
	out, err := cmd.CombinedOutput()
	r.no(err)
	if want := "socket 3\nsocket 4\nsocket 5\nits child: <nil>\n"; string(out) != want { // open they are, and of nobody
		t.Errorf("of another's it was given\n%swant\n%s", out, want)
	}
}
