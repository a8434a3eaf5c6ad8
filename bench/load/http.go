package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"example.com/pike/bench/peers/work"
)

// What is asked for: a file of that name, which has as many bytes of the pattern that all peers send.
const (
	WebFile  = "4k.bin"
	WebBytes = 4 << 10
)

const webRequest = "GET /" + WebFile + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n"

var webAsks = []byte(webRequest)

func httpMain(args []string) (any, error) {
	var w web
	fs := w.target.flags("http")
	conns := fs.Int("conns", 100, "`number` of connections, each with one request under way")
	w.span.flags(fs)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	return w.load(*conns)
}

// A web is a load of requests for one file. Of an answer it compares the beginning, the length and each byte of the body. It
// takes the length of the head from the first answer, which is read by package http, and expects it to stay.
type web struct {
	echo
	body []byte
	head int // bytes before the body
}

const webBegins = "HTTP/1.1 200 OK\r\n"

func (w *web) load(conns int) (*EchoReport, error) {
	if conns < 1 {
		return nil, fmt.Errorf("%d connections make no load", conns)
	}
	w.init(stampBytes)
	w.body = work.Pattern(WebBytes)
	if err := w.learn(); err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.connect(conns); err != nil {
		return nil, err
	}
	w.now = w.read()
	w.heard = w.now
	for i := range w.conns {
		w.due = append(w.due, int32(i))
	}
	if err := w.askDue(); err != nil {
		return nil, err
	}
	warming := true
	ready := func() bool {
		if w.answered < len(w.conns) {
			return false
		}
		warming, w.latency = false, Histogram{}
		return true
	}
	window, err := w.run(&w.clock, w.target, w.turn, ready, &w.messages)
	if err != nil && warming {
		err = fmt.Errorf("warming up, %d of %d connections have answered: %w", w.answered, len(w.conns), err)
	}
	return &EchoReport{window, w.latency.Quantile(0.5), w.latency.Quantile(0.99), w.latency.Quantile(0.999)}, err
}

// learn asks once, to see how long an answer is.
func (w *web) learn() error {
	c, err := net.DialTimeout("tcp", w.target.Addr, connectTimeout)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(connectTimeout))
	if _, err := io.WriteString(c, webRequest); err != nil {
		return err
	}
	var all bytes.Buffer
	r, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &all)), nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return err
	case r.StatusCode != 200 || r.ContentLength != WebBytes || !bytes.Equal(body, w.body):
		return fmt.Errorf("the server answers %s with %d bytes that are not the file", r.Status, len(body))
	}
	w.head = all.Len() - len(body)
	return nil
}

// turn receives whatever is ready, and then asks again, as that of an echo does.
func (w *web) turn() error {
	events, err := w.poll.wait()
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return w.rest()
	}
	for i := range events {
		if err := w.receive(int(events[i].Fd)); err != nil {
			return err
		}
	}
	err = w.askDue()
	w.work()
	return err
}

func (w *web) receive(i int) error {
	c := &w.conns[i]
	n, err := c.recv(w.inbox)
	if err != nil {
		if notNow(err) {
			return nil
		}
		return fmt.Errorf("connection %d: recv: %w", i, err)
	}
	if n == 0 {
		return fmt.Errorf("connection %d: the server hung up", i)
	}
	p := w.inbox[:n]
	if c.got < len(webBegins) {
		if want := webBegins[c.got:min(len(webBegins), c.got+n)]; string(p[:len(want)]) != want {
			return fmt.Errorf("connection %d, answer %d begins with %.40q", i, c.seq, p)
		}
	}
	if c.got+n > w.head+len(w.body) {
		return fmt.Errorf("connection %d, answer %d: %d bytes came, and %d are an answer", i, c.seq, c.got+n, w.head+len(w.body))
	}
	if from := max(w.head-c.got, 0); from < n {
		at := c.got + from - w.head
		if want := w.body[at : at+n-from]; string(p[from:]) != string(want) { // which is quicker than to look for where
			k := differ(p[from:], want)
			return fmt.Errorf("connection %d, answer %d: byte %d of the file is wrong", i, c.seq, at+k)
		}
	}
	if c.got += n; c.got == w.head+len(w.body) {
		w.next(i)
	}
	return nil
}

// askDue sends the requests that are due. Each fits into a socket that has nothing else to send.
func (w *web) askDue() error {
	for _, i := range w.due {
		c := &w.conns[i]
		c.sentAt = w.read()
		if n, err := c.send(webAsks); err != nil || n < len(webAsks) {
			return fmt.Errorf("connection %d: sent %d bytes of a request: %w", i, n, err)
		}
	}
	w.due = w.due[:0]
	return nil
}
