//go:build race || pikedebug

package stream_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/pike/tcp"
)

// In race and debug builds a method that is called off the loop's goroutine says
// so, by its name.
func TestMethodsOffTheLoop(t *testing.T) {
	r := newRig(t)
	_, c := r.pair()
	ln := r.listen(nil, nil)
	calls := map[string]func(){
		"tcp.Listen":                 func() { tcp.Listen(r.lp, loopback, nil) },
		"tcp.Dial":                   func() { tcp.Dial(r.lp, loopback, nil, func(*tcp.Conn, error) {}) },
		"stream.Listener.Pause":      func() { ln.Pause() },
		"stream.Listener.Resume":     func() { ln.Resume() },
		"stream.Listener.SetBacklog": func() { ln.SetBacklog(1) },
		"stream.Listener.Close":      func() { ln.Close() },
		"stream.Conn.Buffered":       func() { c.Buffered() },
	}
	for name, call := range connMethods {
		words := strings.Fields(name) // "large Write"
		method := words[len(words)-1]
		if method == "WriteString" { // it is Write
			method = "Write"
		}
		calls["stream.Conn."+method] = func() { call(c) }
	}
	var said []string
	r.no(r.lp.Post(func() { // the loop runs now
		go func() {
			for name, call := range calls {
				if got := panicOf(call); !strings.Contains(got, name+" ") {
					said = append(said, fmt.Sprintf("%s: %q", name, got))
				}
			}
			r.lp.Stop()
		}()
	}))
	r.run()
	for _, s := range said {
		t.Error(s)
	}
}

func panicOf(call func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	call()
	return ""
}
