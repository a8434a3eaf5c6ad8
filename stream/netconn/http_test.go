package netconn_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/pike/stream/netconn"
)

// A site is an http.Server on a loop.
type site struct {
	r      *rig
	srv    *http.Server
	url    string
	addr   string
	served chan error
	conns  sync.Map // those that were opened
}

func newSite(t *testing.T) *site {
	r := newRig(t)
	nl := r.listen()
	s := &site{r: r, url: "http://" + nl.Addr().String(), addr: nl.Addr().String(), served: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	})
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.FormValue("n")) })
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if _, ok := c.(*netconn.Conn); !ok {
			t.Errorf("hijacked a %T", c)
		}
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
		rw.Flush()
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprint(rw, strings.ToUpper(line))
			rw.Flush()
		}
	})
	s.srv = &http.Server{Handler: mux, ReadTimeout: patience, IdleTimeout: patience, ConnState: func(c net.Conn, st http.ConnState) {
		if st == http.StateNew {
			s.conns.Store(c.RemoteAddr().String(), true)
		}
	}}
	go func() { s.served <- s.srv.Serve(nl) }()
	t.Cleanup(func() {
		s.srv.Close()
		is(t, "Serve", within(t, "Serve", s.served), http.ErrServerClosed)
	})
	return s
}

func (s *site) opened() (n int) {
	s.conns.Range(func(any, any) bool { n++; return true })
	return n
}

// Requests with large bodies on one connection.
func TestHTTPKeepAlive(t *testing.T) {
	s := newSite(t)
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	for i := range 10 {
		body := random(uint64(i), i*i*50_000)
		resp, err := client.Post(s.url+"/echo", "application/octet-stream", bytes.NewReader(body))
		no(t, err)
		got, err := io.ReadAll(resp.Body)
		no(t, err)
		resp.Body.Close()
		if !bytes.Equal(got, body) {
			t.Fatalf("the answer to request %d has %d bytes of %d", i, len(got), len(body))
		}
	}
	if n := s.opened(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Requests that are sent without waiting for answers are answered in order.
func TestHTTPPipelining(t *testing.T) {
	const requests = 500
	s := newSite(t)
	c, err := net.Dial("tcp", s.addr)
	no(t, err)
	defer c.Close()
	no(t, c.SetDeadline(time.Now().Add(patience)))
	go func() {
		var all bytes.Buffer
		for i := range requests {
			fmt.Fprintf(&all, "GET /hello?n=%d HTTP/1.1\r\nHost: h\r\n\r\n", i)
		}
		c.Write(all.Bytes())
	}()
	answers := bufio.NewReader(c)
	for i := range requests {
		resp, err := http.ReadResponse(answers, nil)
		no(t, err)
		got, err := io.ReadAll(resp.Body)
		no(t, err)
		if want := fmt.Sprint("hello ", i); string(got) != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

// A handler takes the connection over, with what was read already.
func TestHTTPHijack(t *testing.T) {
	s := newSite(t)
	c, err := net.Dial("tcp", s.addr)
	no(t, err)
	defer c.Close()
	no(t, c.SetDeadline(time.Now().Add(patience)))
	fmt.Fprint(c, "GET /hijack HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nat once\n")
	answers := bufio.NewReader(c)
	resp, err := http.ReadResponse(answers, nil)
	no(t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	for _, want := range []string{"AT ONCE\n", "LATER\n"} {
		got, err := answers.ReadString('\n')
		no(t, err)
		if got != want {
			t.Fatalf("%q", got)
		}
		fmt.Fprint(c, "later\n")
	}
	c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(answers); err != nil || string(rest) != "LATER\n" {
		t.Errorf("%q, %v", rest, err)
	}
}

// A request that is not finished in time is cut off by the server's ReadHeaderTimeout, which is a deadline.
func TestHTTPTimeout(t *testing.T) {
	r := newRig(t)
	nl := r.listen()
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Millisecond}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(nl) }()
	c, err := net.Dial("tcp", nl.Addr().String())
	no(t, err)
	defer c.Close()
	fmt.Fprint(c, "GET / HTT")
	within(t, "the end", readAll(c))
	srv.Close()
	is(t, "Serve", within(t, "Serve", served), http.ErrServerClosed)
}

// Shutdown of the server waits for a request that is under way.
func TestHTTPShutdown(t *testing.T) {
	r := newRig(t)
	nl := r.listen()
	began, goOn := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-goOn
		fmt.Fprint(w, "done")
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(nl) }()
	c, err := net.Dial("tcp", nl.Addr().String())
	no(t, err)
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	within(t, "the request", began)
	over := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() { over <- srv.Shutdown(ctx) }()
	is(t, "Serve", within(t, "Serve", served), http.ErrServerClosed)
	close(goOn)
	no(t, within(t, "Shutdown", over))
	if got := within(t, "the answer", readAll(c)); !bytes.HasSuffix(got, []byte("done")) {
		t.Errorf("%q", got)
	}
}

// A client's transport dials through the loop.
func TestHTTPClient(t *testing.T) {
	s := newSite(t)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			nc, _ := s.r.dial(addr)
			return nc, nil
		},
	}}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			resp, err := client.Get(fmt.Sprintf("%s/hello?n=%d", s.url, i))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if want := fmt.Sprint("hello ", i); err != nil || string(got) != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		})
	}
	together(t, "the requests", &all)
	client.CloseIdleConnections()
}
