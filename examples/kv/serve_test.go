package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

const patience = 60 * time.Second

// answer is what a store answers to a line of words, on whatever loop.
func (s *store) answer(line string) string {
	args, _, _, err := parse([]byte(line+"\n"), nil)
	if err != nil {
		return err.Error()
	}
	text, value := s.do(args)
	if value != nil {
		text += "\r\n" + string(value)
	}
	return text
}

// Every command and option, by a clock that the test moves.
func TestCommands(t *testing.T) {
	lp, err := loop.New(loop.Options{Poller: sim.New(1, sim.Config{}).Host("host")})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	s := &store{lp: lp, keys: map[string]entry{}}
	for _, c := range []struct{ line, answer string }{
		{"PING", "+PONG"}, {"ping hello", "$5\r\nhello"}, {"echo a", "$1\r\na"},
		{"PING a b", "-ERR unknown command \"PING\" with 2 arguments"},
		{"GET a", "$-1"}, {"SET a 1", "+OK"}, {"GET a", "$1\r\n1"}, {"SET a 2 NX", "$-1"}, {"SET b 2 XX", "$-1"},
		{"GET b", "$-1"}, {"SET b 2 NX", "+OK"}, {"SET b 3 xx", "+OK"}, {"GET b", "$1\r\n3"}, {"SET b 3 XX NX", "$-1"},
		{"SET b 3 EX", "-ERR syntax error"}, {"SET b 3 KEEP", "-ERR syntax error"}, {"SET b 3 EX x", badNumber},
		{"SET b 3 PX 0", badNumber}, {"SET b 3 EX -1", badNumber}, {"SET b 3 EX 99999999999999999", badNumber}, {"INCR b", ":4"},
		{"INCR c", ":1"},
		{"SET d x", "+OK"}, {"INCR d", badNumber}, {"SET d 9223372036854775807", "+OK"}, {"INCR d", badNumber},
		{"SET d 9223372036854775806", "+OK"}, {"INCR d", ":9223372036854775807"}, {"SET d 01", "+OK"}, {"INCR d", badNumber},
		{"DEL a b x a", ":2"}, {"GET a", "$-1"}, {"TTL x", ":-2"}, {"TTL c", ":-1"}, {"EXPIRE x 1", ":0"}, {"EXPIRE c x", badNumber},
		{"EXPIRE c 9223372036854775807", badNumber}, {"EXPIRE c 9000000000", ":1"}, {"INCR c", ":2"}, {"EXPIRE c 10", ":1"},
		{"TTL c", ":10"}, {"INCR c", ":3"}, {"TTL c", ":10"}, {"+9400ms", ""}, {"TTL c", ":1"}, {"+599ms", ""}, {"GET c", "$1\r\n3"},
		{"+1ms", ""}, {"GET c", "$-1"}, {"TTL c", ":-2"}, {"SET c 1 PX 1500", "+OK"}, {"TTL c", ":2"}, {"SET c 2 EX 100", "+OK"},
		{"TTL c", ":100"}, {"SET c 3", "+OK"}, {"TTL c", ":-1"}, {"EXPIRE c 0", ":1"}, {"GET c", "$-1"}, {"SET c 1 EX 1", "+OK"},
		{"+1s", ""}, {"DEL c", ":0"}, {"SET c 1 EX 1", "+OK"}, {"+1s", ""}, {"SET c 2 NX", "+OK"}, {"INCR c", ":3"}, {"TTL c", ":-1"},
		{"COMMAND DOCS", "*0"}, {"CONFIG GET save", "*2\r\n$0\r\n\r\n$0\r\n"}, {"HELLO 3", "-NOPROTO unsupported protocol version"},
		{"INFO", "$21\r\nredis_version:7.0.0\r\n"}, {"GET", "-ERR unknown command \"GET\" with 0 arguments"},
	} {
		if d, err := time.ParseDuration(c.line); err == nil {
			over := false
			timer.After(lp, d, func() { over = true })
			for !over {
				lp.RunOnce()
			}
			lp.UpdateNow()
		} else if got := s.answer(c.line); got != c.answer {
			t.Errorf("%s: %q, want %q", c.line, got, c.answer)
		}
	}
}

// Keys that have expired go, although nobody asks for them.
func TestSweep(t *testing.T) {
	w := sim.New(1, sim.Config{})
	lp, err := loop.New(loop.Options{Poller: w.Host("host")})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	s := &store{lp: lp, keys: map[string]entry{}}
	for i := range 5000 {
		s.answer(fmt.Sprintf("SET key%d x EX 1", i))
	}
	s.answer("SET stays x")
	timer.Every(lp, 100*time.Millisecond, s.sweep)
	timer.After(lp, time.Minute, lp.Stop)
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
	if len(s.keys) != 1 || s.answer("GET stays") != "$1\r\nx" {
		t.Errorf("%d keys are left", len(s.keys))
	}
}

// A peak is a server of which the test sees the most that a connection had queued.
func peak(t *testing.T, fn func(nc net.Conn, lp *loop.Loop)) (most int) {
	lp, err := loop.New(loop.Options{})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no backend on this system: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	s := &store{lp: lp, keys: map[string]entry{}}
	ln, err := tcp.Listen(lp, "127.0.0.1:0", limits)
	if err != nil {
		t.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) {
			s.read(c, p)
			most = max(most, c.Buffered()) // before any of it is sent
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- lp.Run() }()
	nc, err := net.DialTimeout("tcp", ln.LocalAddr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	fn(nc, lp)
	lp.Stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return most
}

// A pipeline of 64 KiB of commands, each with an answer of 64 KiB, is answered in full and in order; and never more
// than the limit and one answer is queued for it.
func TestPipelineIsBounded(t *testing.T) {
	const size = 64 << 10
	pipeline := size
	if testing.Short() {
		pipeline /= 8
	}
	values := [2]string{strings.Repeat("a", size), strings.Repeat("b", size)}
	most := peak(t, func(nc net.Conn, _ *loop.Loop) {
		get := array("GET", "0") + array("GET", "1")
		gets := strings.Repeat(get, pipeline/len(get))
		go io.WriteString(nc, array("SET", "0", values[0])+array("SET", "1", values[1])+gets)
		r := bufio.NewReaderSize(nc, 1<<20)
		got := make([]byte, len(reply(values[0])))
		for i, want := range []string{"+OK\r\n", "+OK\r\n"} {
			if line, err := r.ReadString('\n'); line != want {
				t.Fatalf("answer %d: %q, %v", i, line, err)
			}
		}
		for i := range 2 * (pipeline / len(get)) {
			if _, err := io.ReadFull(r, got); err != nil || string(got) != reply(values[i%2]) {
				t.Fatalf("answer %d: %.20q, %v", i, got, err)
			}
		}
	})
	if limit := limits.QueueLimit.Bytes; most > limit+size+20 || most < limit/2 {
		t.Errorf("%d bytes were queued at most, with a limit of %d", most, limit)
	}
}

// A value of 64 MiB is kept, one byte more is refused, and the connection ends with the reason.
func TestLargestValue(t *testing.T) {
	if testing.Short() {
		t.Skip("values of 64 MiB take memory")
	}
	value := strings.Repeat("0123456789abcdef", longestValue/16)
	peak(t, func(nc net.Conn, _ *loop.Loop) {
		go io.WriteString(nc, array("SET", "k", value)+array("GET", "k"))
		want := "+OK\r\n" + reply(value)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != want {
			t.Fatalf("%.40q, %v", got, err)
		}
		io.WriteString(nc, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108865\r\n")
		if rest, err := io.ReadAll(nc); err != nil || string(rest) != "-ERR Protocol error: invalid bulk length\r\n" {
			t.Errorf("%q, %v", rest, err)
		}
	})
}

// What the protocol does not allow is answered, and ends the connection; others go on.
func TestProtocolErrors(t *testing.T) {
	twoValues := "*3\r\n$3\r\nDEL\r\n$40000000\r\n" + strings.Repeat("x", 40_000_000) + "\r\n$40000000\r\n"
	for in, want := range map[string]string{
		"PING\r\n*1\r\n$536870912\r\n": "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n",
		"*1\r\nPING\r\n":               "-ERR Protocol error: expected '$', got \"P\"\r\n",
		"*a\r\n":                       "-ERR Protocol error: invalid multibulk length\r\n",
		twoValues:                      "read limit exceeded\r\n",
	} {
		if len(in) > 1<<20 && testing.Short() {
			continue
		}
		peak(t, func(nc net.Conn, _ *loop.Loop) {
			go io.WriteString(nc, in)
			got, err := io.ReadAll(nc)
			if err != nil || !strings.HasSuffix(string(got), want) || !bytes.Contains(got, []byte("-ERR Protocol error: ")) {
				t.Errorf("%.40q: %q, %v; want %q", in, got, err, want)
			}
		})
	}
}
