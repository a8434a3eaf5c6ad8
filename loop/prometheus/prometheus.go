// Package prometheus gives the Metrics of a loop to Prometheus. It is a module of its own, so that only those
// get its dependencies who import it.
//
//	registry.MustRegister(prometheus.New("main", lp))
//
// A scrape reads the Metrics of the loop, which may be running or stuck: it waits for neither.
package prometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"example.com/pike/loop"
)

// A Source has Metrics: a *loop.Loop.
type Source interface{ Metrics() loop.Metrics }

// A metric is one number of Metrics.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	label []string
	value func(m *loop.Metrics) float64
}

// A histogram is one Histogram of Metrics.
type histogram struct {
	desc  *prometheus.Desc
	value func(m *loop.Metrics) *loop.Histogram
}

type collector struct {
	of         Source
	metrics    []metric
	histograms []histogram
}

// New returns a Collector of the Metrics of a loop. Each has the label loop with its name. Times are in
// seconds.
func New(name string, of Source) prometheus.Collector {
	c := &collector{of: of}
	b := builder{c, prometheus.Labels{"loop": name}}
	b.loop()
	b.conns()
	b.traffic("stream", func(m *loop.Metrics) *loop.Traffic { return &m.Stream })
	b.traffic("packets", func(m *loop.Metrics) *loop.Traffic { return &m.Packets })
	return c
}

// A builder adds to a collector.
type builder struct {
	c      *collector
	labels prometheus.Labels
}

func (b builder) desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("pike_"+name, help, labels, b.labels)
}

func (b builder) count(name, help string, value func(*loop.Metrics) float64) {
	b.c.metrics = append(b.c.metrics, metric{b.desc(name, help), prometheus.CounterValue, nil, value})
}

func (b builder) gauge(name, help string, value func(*loop.Metrics) float64) {
	b.c.metrics = append(b.c.metrics, metric{b.desc(name, help), prometheus.GaugeValue, nil, value})
}

func (b builder) histogram(name, help string, value func(*loop.Metrics) *loop.Histogram) {
	b.c.histograms = append(b.c.histograms, histogram{b.desc(name, help), value})
}

func (b builder) loop() {
	b.count("turns_total", "Turns of the loop.", func(m *loop.Metrics) float64 { return float64(m.Turns) })
	b.count("events_total", "Events taken from the system.", func(m *loop.Metrics) float64 { return float64(m.Events) })
	b.count("callbacks_total", "Timers, posts and hooks called.", func(m *loop.Metrics) float64 { return float64(m.Callbacks) })
	b.count("idle_seconds_total", "Time waited, with MeasureIdle.", func(m *loop.Metrics) float64 { return m.Idle.Seconds() })
	b.count("busy_seconds_total", "Time worked, with MeasureIdle.", func(m *loop.Metrics) float64 { return m.Busy.Seconds() })
	b.count("slow_callbacks_total", "Callbacks that ran longer than Slow.", func(m *loop.Metrics) float64 { return float64(m.Slow) })
	b.gauge("asleep", "1 while the loop waits for events.", func(m *loop.Metrics) float64 { return float64(m.Asleep) })
	b.gauge("handles", "Handles on the loop.", func(m *loop.Metrics) float64 { return float64(m.Handles) })
	b.gauge("timers", "Timeouts that are armed.", func(m *loop.Metrics) float64 { return float64(m.Timers) })
	b.gauge("posts_waiting", "Posted functions that have not run.", func(m *loop.Metrics) float64 { return float64(m.Posts) })
	b.gauge("jobs_waiting", "Jobs that have not begun.", func(m *loop.Metrics) float64 { return float64(m.JobsWaiting) })
	b.gauge("jobs_running", "Jobs that run.", func(m *loop.Metrics) float64 { return float64(m.JobsRunning) })
	b.histogram("lag_seconds", "How late timers and posts run.", func(m *loop.Metrics) *loop.Histogram { return &m.Lag })
	b.histogram("work_seconds", "How long turns take, with MeasureIdle.", func(m *loop.Metrics) *loop.Histogram { return &m.Work })
}

func (b builder) conns() {
	states := b.desc("connections", "Connections by state.", "state")
	for state, value := range map[string]func(*loop.Conns) int{
		"dialing":     func(c *loop.Conns) int { return c.Dialing },
		"handshaking": func(c *loop.Conns) int { return c.Handshaking },
		"open":        func(c *loop.Conns) int { return c.Open },
		"closing":     func(c *loop.Conns) int { return c.Closing },
	} {
		b.c.metrics = append(b.c.metrics, metric{states, prometheus.GaugeValue, []string{state},
			func(m *loop.Metrics) float64 { return float64(value(&m.Conns)) }})
	}
	ends := b.desc("connections_ended_total", "Connections that have ended, by reason.", "reason")
	for reason, value := range map[string]func(*loop.Ends) uint64{
		"closed":    func(e *loop.Ends) uint64 { return e.Closed },
		"eof":       func(e *loop.Ends) uint64 { return e.EOF },
		"reset":     func(e *loop.Ends) uint64 { return e.Reset },
		"timed out": func(e *loop.Ends) uint64 { return e.TimedOut },
		"aborted":   func(e *loop.Ends) uint64 { return e.Aborted },
		"limited":   func(e *loop.Ends) uint64 { return e.Limited },
		"shutdown":  func(e *loop.Ends) uint64 { return e.Shutdown },
		"failed":    func(e *loop.Ends) uint64 { return e.Failed },
	} {
		b.c.metrics = append(b.c.metrics, metric{ends, prometheus.CounterValue, []string{reason},
			func(m *loop.Metrics) float64 { return float64(value(&m.Ended)) }})
	}
}

func (b builder) traffic(of string, t func(*loop.Metrics) *loop.Traffic) {
	b.count(of+"_received_bytes_total", "Bytes received.", func(m *loop.Metrics) float64 { return float64(t(m).BytesIn) })
	b.count(of+"_sent_bytes_total", "Bytes that the system has taken.", func(m *loop.Metrics) float64 { return float64(t(m).BytesOut) })
	b.count(of+"_received_total", "Pieces or datagrams received.", func(m *loop.Metrics) float64 { return float64(t(m).MessagesIn) })
	b.count(of+"_sent_total", "Writes, or datagrams that the system has taken.",
		func(m *loop.Metrics) float64 { return float64(t(m).MessagesOut) })
	b.gauge(of+"_queued_bytes", "Bytes written that the system has not taken.",
		func(m *loop.Metrics) float64 { return float64(t(m).Queued) })
	b.gauge(of+"_unread_bytes", "Bytes kept for an OnRead.", func(m *loop.Metrics) float64 { return float64(t(m).Unread) })
}

// Describe is for prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect is for prometheus.Collector. All it sends is of one reading.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	m := c.of.Metrics()
	for i := range c.metrics {
		v := &c.metrics[i]
		to <- prometheus.MustNewConstMetric(v.desc, v.kind, v.value(&m), v.label...)
	}
	for _, h := range c.histograms {
		of := h.value(&m)
		to <- prometheus.MustNewConstHistogram(h.desc, of.Count, of.Sum.Seconds(), buckets(of))
	}
}

// buckets are cumulative, one for each power of two: a quarter of those that the loop has, which a server would
// have to keep for each loop.
func buckets(h *loop.Histogram) map[float64]uint64 {
	to, sum := map[float64]uint64{}, uint64(0)
	for i, n := range h.Buckets[:loop.HistogramBuckets-1] {
		sum += n
		if end := loop.BucketEnd(i); end&(end-1) == 0 {
			to[end.Seconds()] = sum
		}
	}
	return to
}
