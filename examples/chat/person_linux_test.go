package main

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/pike/examples/internal/pty"
)

// A person is the program in a terminal of its own, with a screen and a keyboard.
type person struct {
	t    *testing.T
	tty  *pty.Terminal
	cmd  *exec.Cmd
	mode unix.Termios // before
	done chan struct{}
}

// sit has somebody join a server.
func sit(t *testing.T, width, height int, env []string, args ...string) *person {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, cmd: exec.Command(self, args...), done: make(chan struct{})}
	if p.tty, err = pty.Open(width, height); err != nil {
		t.Skip(err)
	}
	if p.mode, err = p.tty.Mode(); err != nil {
		t.Fatal(err)
	}
	p.cmd.Env = append(append(os.Environ(), asProgram+"=1", "TERM=xterm", "NO_COLOR="), env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.tty.Line, p.tty.Line, p.tty.Line
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%v shows %q and has written %q", args, p.tty.Screen.Lines(), p.tty.Screen.Written())
		}
		p.tty.Close()
	})
	return p
}

// until waits for something on the screen.
func (p *person) until(what string, shown func(lines []string) bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !shown(p.tty.Screen.Lines()); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s is not shown, but %q", what, p.tty.Screen.Lines())
		}
	}
}

// sees waits for a line that ends so: before it there is a time, or nothing.
func (p *person) sees(end string) {
	p.t.Helper()
	p.until(end, func(lines []string) bool {
		return slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, end) })
	})
}

// types waits until the line at the bottom is this one.
func (p *person) types(keys, line string) {
	p.t.Helper()
	if err := p.tty.Type(keys); err != nil {
		p.t.Fatal(err)
	}
	p.bottom(line)
}

func (p *person) bottom(line string) {
	p.t.Helper()
	p.until(line, func(lines []string) bool { return len(lines) > 0 && lines[len(lines)-1] == line })
}

// settled waits until a person has joined under a name, and sees who is there.
func (p *person) settled(name, who string) {
	p.t.Helper()
	p.sees("* in #lobby: " + who)
	p.bottom("#lobby " + name + ">")
}

// ended waits for the end of the program.
func (p *person) ended() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("the program does not end")
	}
}

// leaves waits for the end of the program, and looks at what it leaves behind.
func (p *person) leaves(status int, last string) {
	p.t.Helper()
	p.ended()
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		p.t.Errorf("exit status %d, want %d", got, status)
	}
	if mode, err := p.tty.Mode(); err != nil || mode != p.mode {
		p.t.Errorf("the terminal is not as it was: %+v, %v, before %+v", mode, err, p.mode)
	}
	p.sees(last)
	p.until("a line of its own", func([]string) bool {
		x, _ := p.tty.Screen.Cursor()
		return x == 0
	})
	if p.tty.Screen.Mode("?2004") {
		p.t.Error("pastes are still bracketed")
	}
	if u := p.tty.Screen.Unknown(); len(u) > 0 {
		p.t.Errorf("it has written %q", u)
	}
}

// TestTyping has messages come while half a line is typed.
func TestTyping(t *testing.T) {
	s := startServer(t)
	b := named(t, s.addr, "bob")
	a := sit(t, 80, 24, nil, "-connect", s.addr, "-name", "ann")
	a.settled("ann", "bob, ann")
	a.types("half a l", "#lobby ann> half a l")
	for range 30 { // more than the screen has lines
		b.send("something else")
	}
	b.send("hello there")
	a.sees("bob: hello there")
	a.bottom("#lobby ann> half a l")
	a.types("ine", "#lobby ann> half a line")
	if x, _ := a.tty.Screen.Cursor(); x != len("#lobby ann> half a line") {
		t.Errorf("the cursor is in column %d", x)
	}
	a.types("\r", "#lobby ann>")
	b.next("[#lobby] ann: half a line")
	a.types("\x1b[A", "#lobby ann> half a line") // the line before, by the key up
	a.types("\x01not ", "#lobby ann> not half a line")
	a.types("\r", "#lobby ann>")
	b.next("[#lobby] ann: not half a line")

	a.types("bo\t", "#lobby ann> bob:")
	a.types("hi\r", "#lobby ann>")
	b.next("[#lobby] ann: bob: hi")
	a.types("/ms\tb\tpsst", "#lobby ann> /msg bob psst")
	a.types("\r", "#lobby ann>")
	b.next("[ann -> bob] psst")
	a.sees("[ann -> bob] psst")
	a.types("/m\t", "#lobby ann> /m")
	a.sees("/msg  /me")
	a.types("\x15/join den\r", "#den ann>") // Ctrl-U drops what is typed
	a.sees("* in #den: ann")
	a.types("/nick anna\r", "#den anna>")
	a.types("\x1b[200~pasted\x1b[201~", "#den anna> pasted")
	a.types("\x15\x04", "you left the chat") // Ctrl-D
	a.leaves(0, "you left the chat")
}

// TestWindowSize has the window change while a line is typed that takes several rows.
func TestWindowSize(t *testing.T) {
	s := startServer(t)
	b := named(t, s.addr, "bob")
	a := sit(t, 80, 24, nil, "-connect", s.addr, "-name", "ann")
	a.settled("ann", "bob, ann")
	text := strings.Repeat("0123456789", 5)
	a.types(text, "#lobby ann> "+text)
	resize := func(width int) {
		if err := a.tty.Resize(width, 24); err != nil {
			t.Fatal(err)
		}
	}
	resize(30)
	a.bottom("89")
	b.send("narrow")
	a.sees("bob: narrow")
	a.until("three rows", func(l []string) bool {
		n := len(l)
		return n > 3 && slices.Equal(l[n-3:], []string{"#lobby ann> 012345678901234567", "890123456789012345678901234567", "89"})
	})
	resize(120)
	b.send("wide")
	a.sees("bob: wide")
	a.bottom("#lobby ann> " + text)
	a.types("!", "#lobby ann> "+text+"!")
	a.types("\r", "#lobby ann>")
	b.next("[#lobby] ann: " + text + "!")
}

// TestTerminalGivenBack has people leave in all ways there are.
func TestTerminalGivenBack(t *testing.T) {
	const left, closed = "you left the chat", "chat: the server closed the connection"
	for name, c := range map[string]struct {
		leave  func(p *person, s *child)
		status int
		last   string
	}{
		"Ctrl-C":        {func(p *person, _ *child) { p.tty.Type("half\x03") }, 0, left},
		"Ctrl-D":        {func(p *person, _ *child) { p.tty.Type("\x04") }, 0, left},
		"/quit":         {func(p *person, _ *child) { p.tty.Type("/quit\r") }, 0, left},
		"SIGINT":        {func(p *person, _ *child) { p.cmd.Process.Signal(os.Interrupt) }, 0, left},
		"SIGTERM":       {func(p *person, _ *child) { p.cmd.Process.Signal(syscall.SIGTERM) }, 0, left},
		"SIGHUP":        {func(p *person, _ *child) { p.cmd.Process.Signal(syscall.SIGHUP) }, 0, left},
		"SIGQUIT":       {func(p *person, _ *child) { p.cmd.Process.Signal(syscall.SIGQUIT) }, 0, left},
		"a shutdown":    {func(_ *person, s *child) { s.signal(os.Interrupt) }, 0, closed},
		"a dead server": {func(_ *person, s *child) { s.cmd.Process.Kill() }, 0, closed},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t)
			p := sit(t, 80, 24, nil, "-connect", s.addr, "-name", "ann")
			p.settled("ann", "ann")
			if mode, err := p.tty.Mode(); err != nil || mode == p.mode || !p.tty.Screen.Mode("?2004") {
				t.Fatalf("the terminal is not taken: %v", err)
			}
			c.leave(p, s)
			p.leaves(c.status, c.last)
		})
	}
}

// TestHangUp has the terminal itself go away.
func TestHangUp(t *testing.T) {
	s := startServer(t)
	b := named(t, s.addr, "bob")
	p := sit(t, 80, 24, nil, "-connect", s.addr, "-name", "ann")
	p.settled("ann", "bob, ann")
	p.tty.HangUp()
	b.next("* ann left #lobby")
	p.ended()
}

// TestDeafServer has a server that takes no notice of who leaves: the terminal is given back, and a signal ends the program.
func TestDeafServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := sit(t, 80, 24, nil, "-connect", ln.Addr().String())
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.bottom(">")
	p.tty.Type("\x03")
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if mode, err := p.tty.Mode(); err == nil && mode == p.mode {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the terminal is not given back")
		}
	}
	p.cmd.Process.Signal(os.Interrupt) // which the system makes of Ctrl-C now
	p.leaves(0, "you left the chat")
}

// TestColours has them for a terminal that wants them.
func TestColours(t *testing.T) {
	s := startServer(t)
	b := named(t, s.addr, "bob")
	for name, c := range map[string]struct {
		env              []string
		colours, editing bool
	}{
		"plain":    {nil, true, true},
		"NO_COLOR": {[]string{"NO_COLOR=1"}, false, true},
		"dumb":     {[]string{"TERM=dumb"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := sit(t, 80, 24, c.env, "-connect", s.addr)
			p.sees("joined #lobby")
			b.send("\x1b[31mhello, ann\x07")
			p.sees("bob: [31mhello, ann")
			all := p.tty.Screen.Written()
			if got := strings.Contains(all, "m"+"bob"+"\x1b[0m: [31mhello"); got != c.colours {
				t.Errorf("colours: %v, in %q", got, all)
			}
			if got := strings.Contains(all, "\x1b"); got != c.editing {
				t.Errorf("escape sequences: %v, in %q", got, all)
			}
			p.tty.Type("\x04")
			p.ended()
			if mode, err := p.tty.Mode(); err != nil || mode != p.mode {
				t.Errorf("the terminal is not as it was: %v", err)
			}
		})
	}
}
