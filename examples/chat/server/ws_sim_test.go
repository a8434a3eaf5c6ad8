package server

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// lines writes lines of a talker, by frames if it is a browser. What follows the last line end is half a line.
func (k *talker) lines(c *tcp.Conn, text string) {
	if !k.web {
		c.WriteString(text)
		return
	}
	for l := range strings.Lines(text) {
		line, whole := strings.CutSuffix(l, "\n")
		f := masked(frameOf(ws.OpText, true, line))
		if !whole {
			f = f[:len(f)-1]
		}
		if n := len(line); n%3 == 0 && n > 3 && whole { // some come in two parts, with a ping between
			f = append(append(masked(textPlus(line[:n/3])), masked(ping("p"))...), masked(more(line[n/3:]))...)
		}
		c.Write(f)
	}
}

// unpack is what a browser has been sent, as the lines that a terminal would get. It answers pings.
func (k *talker) unpack(c *tcp.Conn, p []byte) (text string) {
	k.raw = append(k.raw, p...)
	if !k.upgraded {
		i := bytes.Index(k.raw, headEnd)
		if i < 0 {
			return ""
		}
		if !strings.HasPrefix(string(k.raw), "HTTP/1.1 101 ") || !strings.Contains(string(k.raw[:i]), sampleAccept) {
			k.err = fmt.Errorf("the answer is %q", k.raw)
			return ""
		}
		k.upgraded, k.raw = true, k.raw[i+len(headEnd):]
	}
	for {
		f, rest, ok := nextFrame(k.raw)
		if !ok {
			return text
		}
		k.raw = rest
		switch f.Header.OpCode {
		case ws.OpText:
			text += k.stamped(string(f.Payload)) + "\n"
		case ws.OpPing:
			c.Write(masked(frameOf(ws.OpPong, true, string(f.Payload))))
		case ws.OpClose:
			if status, _ := ws.ParseCloseFrameData(f.Payload); status != 1000 && status != 1001 && status != 1008 {
				k.err = fmt.Errorf("closed with %q", f.Payload)
			}
		}
	}
}

// stamped is a line without its id, which no other message has.
func (k *talker) stamped(line string) string {
	var id int64
	if _, err := fmt.Sscanf(line, "@%d ", &id); err != nil {
		return line
	}
	line = unstamped(line)
	if was, ok := k.ids[id]; ok && was != line {
		k.err = fmt.Errorf("%q has the id of %q", line, was)
	}
	k.ids[id] = line
	return line
}

// A viewer watches the live view, again and again, and now and then sends half a request.
type viewer struct {
	lp     *loop.Loop
	times  int
	events int
}

func (v *viewer) run(h *sim.Host) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	v.lp = lp
	v.connect()
	if err := lp.Run(); err != nil {
		return err
	}
	return lp.Close()
}

func (v *viewer) connect() {
	again := func() {
		if v.times++; v.times < 8 {
			timer.After(v.lp, 5*time.Second, v.connect)
		}
	}
	_, err := tcp.Dial(v.lp, "10.0.0.1:7080", &tcp.Options{Timeout: 20 * time.Second}, func(c *tcp.Conn, err error) {
		if err != nil {
			again()
			return
		}
		c.OnRead = func(_ *tcp.Conn, p []byte) { v.events += bytes.Count(p, []byte("data: ")) }
		c.OnClose = func(*tcp.Conn, error) { again() }
		if v.times%2 == 1 {
			c.WriteString("GET /live/eve") // until the server has waited long enough
			return
		}
		c.WriteString("GET /live/events HTTP/1.1\r\nHost: 10.0.0.1:7080\r\n\r\n")
		timer.After(v.lp, 12*time.Second, func() { c.Close() })
	})
	if err != nil {
		again()
	}
}
