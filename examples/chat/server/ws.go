package server

import (
	"bytes"
	"strconv"
	"time"

	"github.com/gobwas/ws"

	"example.com/pike/stream/frame"
	"example.com/pike/tcp"
)

const (
	quietTime  = 30 * time.Second // after which a browser is sent a ping; proxies end what is quiet for a minute
	answerTime = 30 * time.Second // for its pong, or anything else
)

// A socket is the wire of a browser: a connection of WebSocket (RFC 6455). A message of text is a line, in either
// direction. What somebody has said has its id before it: @1764604800000 [#lobby] ann: hello.
type socket struct {
	w      *Web
	c      *client
	frames frames
	asked  bool // a ping was sent, and nothing has come since
}

// begin makes a client of a connection that was upgraded.
func (w *Web) begin(conn *tcp.Conn, j *joining) {
	s := w.s
	c := s.newClient(conn)
	k := &socket{w: w, c: c, frames: frames{most: lineMost}}
	c.wire = k
	if s.admit(c, j.name, j.rooms...) {
		frame.SplitBy(conn, &k.frames, k.frames.longest(), w.frame)
	}
}

// received is a frame.
func (w *Web) received(conn *tcp.Conn, token []byte) {
	c := conn.Context.(*client)
	k := c.wire.(*socket)
	k.asked = false
	before := c.turn
	if err := k.take(token); err != nil {
		k.fail(err.(*refusal))
		return
	}
	if c.left {
		return
	}
	c.wait(quietTime)
	if c.turn == before {
		c.turn++ // what is no line counts as one: nobody holds up others with pings, or with parts of a message
	}
	if c.turn >= linesPerTurn && !c.waits {
		w.s.pace.later(c)
	}
}

// take does what a frame asks for. A message of text is a line like those of terminals.
func (k *socket) take(token []byte) error {
	f, s := &k.frames, k.c.s
	if f.wrong != nil {
		return f.wrong
	}
	payload := f.open(k.w.payload[:0], token)
	k.w.payload = payload[:0]
	switch f.header.OpCode {
	case ws.OpPing:
		s.pace.spend(len(payload), 1)
		k.send(ws.OpPong, nil, payload)
		return nil
	case ws.OpPong:
		return nil
	case ws.OpClose:
		return k.close(payload)
	}
	text, opcode, err := f.add(payload)
	switch {
	case err != nil:
		return err
	case opcode == ws.OpBinary:
		return &refusal{ws.StatusUnsupportedData, "there is text only"}
	case text == nil:
		return nil
	}
	s.received(k.c.conn, text)
	return nil
}

// close is the client's end of the handshake of closing, or its begin; our end of it is the last that we send.
func (k *socket) close(payload []byte) error {
	answer, err := closing(payload)
	if err != nil {
		return err
	}
	s := k.c.s
	s.leave(k.c, "closed")
	k.send(ws.OpClose, nil, answer)
	s.ending(k.c)
	k.c.conn.Close() // the server closes first (RFC 6455, 7.1.1)
	return nil
}

// fail ends a connection that is against the protocol, and says why.
func (k *socket) fail(why *refusal) {
	s := k.c.s
	s.drop(k.c, why.reason)
	k.sendClose(why.status, why.reason)
	k.c.conn.CloseWrite()
	s.ending(k.c)
}

// send queues a frame whose payload is in two parts.
func (k *socket) send(opcode ws.OpCode, first, second []byte) {
	b := appendFrame(k.w.scratch[:0], opcode, len(first)+len(second))
	b = append(append(b, first...), second...)
	k.w.scratch = b[:0]
	k.c.conn.Write(b)
}

func (k *socket) sendClose(status ws.StatusCode, reason string) {
	k.send(ws.OpClose, nil, ws.NewCloseFrameBody(status, reason))
}

func (k *socket) line(text []byte) {
	for l := range bytes.Lines(text) {
		k.send(ws.OpText, nil, bytes.TrimSuffix(l, []byte{'\n'}))
	}
}

func (k *socket) message(m message) {
	id := append(strconv.AppendInt(append(k.w.id[:0], '@'), m.id, 10), ' ')
	k.w.id = id[:0]
	k.send(ws.OpText, id, bytes.TrimSuffix(m.text, []byte{'\n'}))
}

// echoes is so that a page knows which of its messages have arrived, when its connection has broken.
func (k *socket) echoes() bool { return true }

// silence does not depend on what people do: a browser answers pings as long as the page is open.
func (k *socket) silence(time.Duration) time.Duration { return quietTime }

func (k *socket) ask() bool {
	if k.asked {
		return false
	}
	k.asked = true
	k.send(ws.OpPing, nil, nil)
	return true
}

var statuses = map[parting]ws.StatusCode{
	byItself:   ws.StatusNormalClosure,
	byIdleness: ws.StatusPolicyViolation,
	byFullness: 1013, // try again later, in the registry of RFC 6455, 11.7
	byShutdown: ws.StatusGoingAway,
}

func (k *socket) end(by parting) { k.sendClose(statuses[by], "") }
