package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// Limits of the web side that have no option. What terminals may, browsers may, too.
const (
	headMost   = 16 << 10         // bytes of a request
	headTime   = 10 * time.Second // for a request to arrive, and for the next
	visitsMost = 256              // connections that are not in the chat; of more, the one that came first is cut off
)

// WebOptions are what a server has its page for browsers by. The zero value is all defaults.
type WebOptions struct {
	// Fallback has another port taken if that of the address is not free.
	Fallback bool

	// Hosts are names, with the port if it is not that of the scheme, of which pages may use the server, besides the
	// one that it is asked by: "chat.example.org". A server on a loopback address needs the name of a proxy before it.
	Hosts []string

	// Layer, if set, is what connections go through: TLS.
	Layer poller.Layer

	// Loops are those that the live view shows; nil is the server's own.
	Loops []*loop.Loop
}

// A Web is the page of a server for browsers, and what takes them into the chat. Its methods belong to the loop's
// goroutine. It ends with the server.
type Web struct {
	s      *Server
	ln     *tcp.Listener
	hosts  []string
	secure bool
	visits []*visit // connections that are not in the chat, by when they came
	live   live

	frame   func(*tcp.Conn, []byte) // one value for all connections; so is the next
	read    func(*tcp.Conn, []byte)
	payload []byte // memory for the frame of now; so are the next two
	scratch []byte
	id      []byte
}

// ListenWeb has browsers join the chat from a page on "host:port". It may be called once.
func (s *Server) ListenWeb(addr string, o WebOptions) (*Web, error) {
	if s.web != nil || s.closing {
		return nil, errors.New("chat: the page is served already, or the server has ended")
	}
	w := &Web{s: s, hosts: o.Hosts, secure: o.Layer != nil}
	w.frame, w.read = w.received, w.request
	w.live.init(w, o.Loops)
	to := &tcp.Options{
		MaxConns:     s.max + leavingMost + visitsMost,
		AcceptRate:   s.rate,
		Watermarks:   &stream.Watermarks{High: unreadMost + 1, OnHigh: w.slow},
		WriteTimeout: takeTime,
		DrainTimeout: leaveTime,
		Layer:        o.Layer,
		MaxLayering:  visitsMost,
	}
	ln, err := tcp.Listen(s.lp, addr, to)
	if err != nil && o.Fallback && errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(addr)
		ln, err = tcp.Listen(s.lp, net.JoinHostPort(host, "0"), to)
	}
	if err != nil {
		return nil, err
	}
	w.ln = ln
	ln.OnAccept = w.accept
	ln.OnClose = s.Shutdown
	s.web = w
	return w, nil
}

// Addr is the address listened on.
func (w *Web) Addr() netip.AddrPort { return w.ln.LocalAddr().AddrPort }

// A visit is a connection of HTTP, as long as it is not in the chat.
type visit struct {
	conn *tcp.Conn
	done bool // it has made its last request
}

func (w *Web) accept(conn *tcp.Conn) {
	w.s.conns++
	v := &visit{conn: conn}
	w.visits = append(w.visits, v)
	conn.Context, conn.OnRead, conn.OnClose = v, w.read, w.gone
	conn.SetReadDeadline(headTime)
	if len(w.visits) > visitsMost {
		first := w.visits[0]
		w.forget(first)
		first.conn.Abort()
	}
}

// gone is the last of a connection that has not come into the chat.
func (w *Web) gone(conn *tcp.Conn, _ error) {
	v := conn.Context.(*visit)
	w.forget(v)
	w.live.forget(v)
	w.s.conns--
	w.s.settle()
}

func (w *Web) forget(v *visit) {
	if i := slices.Index(w.visits, v); i >= 0 {
		w.visits = slices.Delete(w.visits, i, i+1)
	}
}

// slow ends who leaves more unread than it may.
func (w *Web) slow(conn *tcp.Conn) {
	if _, ok := conn.Context.(*client); ok {
		w.s.slow(conn)
		return
	}
	conn.Abort()
}

// close ends what is not in the chat. Members hear it from the server.
func (w *Web) close() {
	w.ln.Close()
	w.live.next.Stop()
	for _, v := range slices.Concat(w.visits, w.live.watchers) {
		v.conn.Close()
	}
}

// cut is close for those that do not take what they are still sent.
func (w *Web) cut() {
	for _, v := range slices.Concat(w.visits, w.live.watchers) {
		v.conn.Abort()
	}
}

// String is the address as browsers take it.
func (w *Web) String() string {
	scheme := "http"
	if w.secure {
		scheme = "https"
	}
	addr := w.Addr()
	if addr.Addr().IsUnspecified() {
		return fmt.Sprintf("%s://localhost:%d", scheme, addr.Port())
	}
	return fmt.Sprintf("%s://%v", scheme, addr)
}
