package prometheus_test

import (
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/pike/loop"
	"example.com/pike/loop/prometheus"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// What Prometheus is told of a loop whose story is known.
func TestCollector(t *testing.T) {
	w := sim.New(1, sim.Config{})
	lp, err := loop.New(loop.Options{Poller: w.Host("host")})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	registry := client.NewPedanticRegistry()
	registry.MustRegister(prometheus.New("main", lp))
	ln, err := tcp.Listen(lp, "127.0.0.1:7000", nil)
	if err != nil {
		t.Fatal(err)
	}
	ln.OnAccept = func(c *tcp.Conn) { c.OnRead = func(*tcp.Conn, []byte) {} }
	if _, err := tcp.Dial(lp, "127.0.0.1:7000", nil, func(c *tcp.Conn, err error) { c.WriteString("hello"); c.Close() }); err != nil {
		t.Fatal(err)
	}
	if _, err := timer.After(lp, time.Minute, lp.Stop); err != nil {
		t.Fatal(err)
	}
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
	const want = `
# HELP pike_connections Connections by state.
# TYPE pike_connections gauge
pike_connections{loop="main",state="closing"} 0
pike_connections{loop="main",state="dialing"} 0
pike_connections{loop="main",state="handshaking"} 0
pike_connections{loop="main",state="open"} 0
# HELP pike_stream_received_bytes_total Bytes received.
# TYPE pike_stream_received_bytes_total counter
pike_stream_received_bytes_total{loop="main"} 5
# HELP pike_stream_sent_total Writes, or datagrams that the system has taken.
# TYPE pike_stream_sent_total counter
pike_stream_sent_total{loop="main"} 1
# HELP pike_handles Handles on the loop.
# TYPE pike_handles gauge
pike_handles{loop="main"} 1
`
	names := []string{"pike_connections", "pike_stream_received_bytes_total", "pike_stream_sent_total", "pike_handles"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "pike_lag_seconds"); n != 1 || err != nil {
		t.Errorf("%d histograms of lag, %v", n, err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	ended, err := testutil.GatherAndCount(registry, "pike_connections_ended_total")
	if ended != 8 || err != nil {
		t.Errorf("%d reasons, %v", ended, err)
	}
}
