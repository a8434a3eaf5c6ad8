package loop_test

import (
	"context"
	"os"
	"time"

	"example.com/pike/loop"
	"example.com/pike/signal"
	"example.com/pike/stream"
	"example.com/pike/tcp"
	"example.com/pike/timer"
	"example.com/pike/udp"
)

// anywhere are the methods that are not found out off the loop, by what they
// may be called with all the same.
var anywhere = map[string]bool{
	// Made for other goroutines.
	"loop.Loop.Post": true, "loop.Loop.Stop": true, "loop.Async.Send": true, "loop.Loop.Metrics": true,
	"stream.Conn.Post": true, "stream.Conn.AsyncWrite": true,

	// What they read is settled when the object is made.
	"loop.Loop.Resolver": true, "loop.Loop.Logger": true, "loop.Loop.Fd": true,
	"loop.Loop.Maker": true, "loop.Loop.Group": true, "loop.Base.Loop": true, "stream.Listener.LocalAddr": true,

	// They read a word that the race detector watches.
	"loop.Base.Active": true, "loop.Base.Closing": true, "loop.Base.HasRef": true,
	"stream.Conn.Readable": true, "stream.Conn.Writable": true, "timer.Timer.Period": true,

	// ErrRunning is their answer.
	"loop.Loop.Run": true, "loop.Loop.RunContext": true, "loop.Loop.RunOnce": true, "loop.Loop.RunNoWait": true,
}

// named are methods that are another one, by whose name they go.
var named = map[string]string{
	"stream.Conn.WriteString": "stream.Conn.Write",
}

// functions are those that make the objects.
func functions(lp *loop.Loop) map[string]func() error {
	return map[string]func() error{
		"loop.Work": func() error {
			_, err := loop.Work(context.Background(), lp, func(context.Context) (int, error) { return 0, nil }, func(int, error) {})
			return err
		},
		"loop.ReadFile": func() error { return loop.ReadFile(lp, os.Stdin, nil, 0, func(int, error) {}) },
		"timer.New":     func() error { _, err := timer.New(lp, func() {}); return err },
		"timer.After":   func() error { _, err := timer.After(lp, 0, func() {}); return err },
		"timer.Every":   func() error { _, err := timer.Every(lp, time.Hour, func() {}); return err },
		"tcp.Listen":    func() error { _, err := tcp.Listen(lp, "127.0.0.1:0", nil); return err },
		"tcp.Dial": func() error {
			_, err := tcp.Dial(lp, "127.0.0.1:1", nil, func(*tcp.Conn, error) {})
			return err
		},
		"stream.AdoptConn":     func() error { _, err := stream.AdoptConn(lp, nil); return err },
		"stream.AdoptListener": func() error { _, err := stream.AdoptListener(lp, nil); return err },
		"udp.Listen":           func() error { _, err := udp.Listen(lp, "127.0.0.1:0", nil); return err },
		"udp.Dial":             func() error { _, err := udp.Dial(lp, "127.0.0.1:1", nil); return err },
		"udp.AdoptConn":        func() error { _, err := udp.AdoptConn(lp, nil); return err },
		"signal.Notify":        func() error { _, err := signal.Notify(lp, func(os.Signal) {}); return err },
		"signal.Once":          func() error { _, err := signal.Once(lp, func(os.Signal) {}); return err },
	}
}
