package server

import "example.com/pike/timer"

// What one turn of the loop may queue before it must send. Without a bound the lines that many clients send at once
// could be more than a reader may leave unread, before the reader had a chance to read. No limit of package stream can do
// this: a QueueLimit pauses the connection whose queue is long, and here others fill that queue.
const (
	eachPerTurn  = unreadMost / 4 // bytes for one reader, at most: all messages together
	allPerTurn   = 4 << 20        // bytes for all readers
	linesPerTurn = 64             // of one client, before others have their turn
)

// A pace bounds what is done in a turn. What is left over waits in the order in which it came.
type pace struct {
	s       *Server
	next    *timer.Timer // due at once, which is in the next turn
	each    int
	all     int
	backlog []*client // with input that waits
}

func (p *pace) init(s *Server) {
	p.s = s
	p.next, _ = timer.New(s.lp, p.turn)
}

// spend accounts for a line of n bytes for so many readers.
func (p *pace) spend(n, readers int) {
	p.each += n
	p.all += n * readers
	p.wake()
}

// spent reports whether more must wait for the next turn.
func (p *pace) spent() bool {
	return p.each >= eachPerTurn || p.all >= allPerTurn || p.s.record.full()
}

// wake has turn called in the loop's next turn. By then the loop has sent what this turn queued, as far as readers take
// it.
func (p *pace) wake() {
	if !p.next.Active() {
		p.next.Start(0, 0)
	}
}

// later has a client's input wait.
func (p *pace) later(c *client) {
	c.conn.PauseRead()
	c.waits = true
	p.backlog = append(p.backlog, c)
	p.wake()
}

func (p *pace) turn() {
	p.each, p.all = 0, 0
	p.resume()
}

// resume goes on with the input that waits, one turn for each client.
func (p *pace) resume() {
	for n := len(p.backlog); n > 0 && !p.spent(); n-- {
		c := p.backlog[0]
		p.backlog[0] = nil
		p.backlog = p.backlog[1:]
		if c.left {
			continue
		}
		c.turn, c.waits = 0, false
		c.conn.ResumeRead()
		if text := c.held; text != nil {
			c.held = nil
			p.s.obey(c, text)
		}
	}
	if len(p.backlog) > 0 && !p.s.record.full() { // when the transcript has caught up it wakes us
		p.wake()
	}
}
