// Package opentelemetry gives the Metrics of a loop to OpenTelemetry. It is a module of its own, so that only those
// get its dependencies who import it.
//
//	registration, err := opentelemetry.Register(otel.Meter("server"), "main", lp)
//
// A collection reads the Metrics of the loop once, and so all that it tells is of one moment. The loop may be
// running or stuck: the collection waits for neither.
//
// # Instruments
//
// All are asynchronous, and have the attribute pike.loop with the name of the loop. Times are in seconds.
//
//	pike.loop.turns, .events, .callbacks, .slow_callbacks    counters
//	pike.loop.time                  counter, by state: idle, busy (with Options.MeasureIdle)
//	pike.loop.asleep                1 while the loop waits for events
//	pike.loop.handles, .timers, .posts
//	pike.loop.jobs                  by state: waiting, running
//	pike.loop.lag, .work            histograms: see below
//	pike.connections                by state: dialing, handshaking, open, closing
//	pike.connections.ended          counter, by reason: closed, eof, reset, timed out, aborted, limited, shutdown, failed
//	pike.stream.io, .messages       counters, by direction: receive, transmit
//	pike.stream.queued, .unread     bytes that wait for the system, and for an OnRead
//	pike.packets.io, .messages, .queued, .unread             the same of datagrams
//
// OpenTelemetry has no asynchronous histogram, and the loop does not stop for one that is synchronous. So a
// histogram comes as counters: pike.loop.lag.bucket has, for each attribute le, how many were no longer than that
// many seconds, and pike.loop.lag.sum the sum of all. These are the series that Prometheus makes of a histogram,
// and its histogram_quantile takes them:
//
//	histogram_quantile(0.99, sum by (le) (rate(pike_loop_lag_bucket_total[5m])))
package opentelemetry

import (
	"context"
	"errors"
	"os"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"example.com/pike/loop"
)

// A Source has Metrics: a *loop.Loop.
type Source interface{ Metrics() loop.Metrics }

// Register makes the instruments of a loop with m, and has them observed at each collection until Unregister of
// what it returns. Several loops have names of their own and may be registered with one Meter. A nil m or of is
// os.ErrInvalid; other errors are m's.
func Register(m metric.Meter, name string, of Source) (metric.Registration, error) {
	if m == nil || of == nil {
		return nil, os.ErrInvalid
	}
	b := &builder{meter: m, loop: attribute.String("pike.loop", name)}
	b.turns()
	b.histogram("pike.loop.lag", "{callback}", "How late timers and posts run", func(m *loop.Metrics) *loop.Histogram { return &m.Lag })
	b.histogram("pike.loop.work", "{turn}", "How long turns take, with MeasureIdle",
		func(m *loop.Metrics) *loop.Histogram { return &m.Work })
	b.conns()
	b.traffic("pike.stream", func(m *loop.Metrics) *loop.Traffic { return &m.Stream })
	b.traffic("pike.packets", func(m *loop.Metrics) *loop.Traffic { return &m.Packets })
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return m.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		metrics := of.Metrics()
		for _, observe := range b.observe {
			observe(to, &metrics)
		}
		return nil
	}, b.instruments...)
}

// A builder makes instruments, and what observes each of them.
type builder struct {
	meter       metric.Meter
	loop        attribute.KeyValue
	instruments []metric.Observable
	observe     []func(to metric.Observer, m *loop.Metrics)
	errs        []error
}

// A value is one number of Metrics, and its attribute if it has one.
type value[N int64 | float64] struct {
	attribute attribute.KeyValue
	of        func(m *loop.Metrics) N
}

func number(of func(m *loop.Metrics) int64) []value[int64] { return []value[int64]{{of: of}} }

func state(name string) attribute.KeyValue { return attribute.String("state", name) }

// add has values observed as what an instrument of it is told.
func add[N int64 | float64, I metric.Observable](
	b *builder, i I, err error, tell func(metric.Observer, I, N, metric.ObserveOption), values []value[N],
) {
	if err != nil {
		b.errs = append(b.errs, err)
		return
	}
	b.instruments = append(b.instruments, i)
	for _, v := range values {
		attributes := []attribute.KeyValue{b.loop}
		if v.attribute.Valid() {
			attributes = append(attributes, v.attribute)
		}
		set := metric.WithAttributeSet(attribute.NewSet(attributes...)) // made once, and not at each collection
		b.observe = append(b.observe, func(to metric.Observer, m *loop.Metrics) { tell(to, i, v.of(m), set) })
	}
}

func tellInt[I metric.Int64Observable](to metric.Observer, i I, n int64, o metric.ObserveOption) {
	to.ObserveInt64(i, n, o)
}

func tellFloat[I metric.Float64Observable](to metric.Observer, i I, n float64, o metric.ObserveOption) {
	to.ObserveFloat64(i, n, o)
}

func (b *builder) counter(name, unit, help string, values ...value[int64]) {
	i, err := b.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	add(b, i, err, tellInt, values)
}

func (b *builder) seconds(name, help string, values ...value[float64]) {
	i, err := b.meter.Float64ObservableCounter(name, metric.WithUnit("s"), metric.WithDescription(help))
	add(b, i, err, tellFloat, values)
}

// level is what goes up and down, and can be summed up over loops.
func (b *builder) level(name, unit, help string, values ...value[int64]) {
	i, err := b.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	add(b, i, err, tellInt, values)
}

func (b *builder) turns() {
	none := attribute.KeyValue{}
	b.counter("pike.loop.turns", "{turn}", "Turns of the loop", number(func(m *loop.Metrics) int64 { return int64(m.Turns) })...)
	b.counter("pike.loop.events", "{event}", "Events taken from the system",
		number(func(m *loop.Metrics) int64 { return int64(m.Events) })...)
	b.counter("pike.loop.callbacks", "{callback}", "Timers, posts and hooks called",
		number(func(m *loop.Metrics) int64 { return int64(m.Callbacks) })...)
	b.counter("pike.loop.slow_callbacks", "{callback}", "Callbacks that ran longer than Slow",
		number(func(m *loop.Metrics) int64 { return int64(m.Slow) })...)
	b.seconds("pike.loop.time", "Time waited and worked, with MeasureIdle",
		value[float64]{state("idle"), func(m *loop.Metrics) float64 { return m.Idle.Seconds() }},
		value[float64]{state("busy"), func(m *loop.Metrics) float64 { return m.Busy.Seconds() }})
	b.level("pike.loop.asleep", "{loop}", "1 while the loop waits for events",
		value[int64]{none, func(m *loop.Metrics) int64 { return int64(m.Asleep) }})
	b.level("pike.loop.handles", "{handle}", "Handles on the loop",
		number(func(m *loop.Metrics) int64 { return int64(m.Handles) })...)
	b.level("pike.loop.timers", "{timer}", "Timeouts that are armed",
		number(func(m *loop.Metrics) int64 { return int64(m.Timers) })...)
	b.level("pike.loop.posts", "{post}", "Posted functions that have not run",
		number(func(m *loop.Metrics) int64 { return int64(m.Posts) })...)
	b.level("pike.loop.jobs", "{job}", "Jobs of Work",
		value[int64]{state("waiting"), func(m *loop.Metrics) int64 { return int64(m.JobsWaiting) }},
		value[int64]{state("running"), func(m *loop.Metrics) int64 { return int64(m.JobsRunning) }})
}

func (b *builder) conns() {
	b.level("pike.connections", "{connection}", "Connections by state",
		value[int64]{state("dialing"), func(m *loop.Metrics) int64 { return int64(m.Conns.Dialing) }},
		value[int64]{state("handshaking"), func(m *loop.Metrics) int64 { return int64(m.Conns.Handshaking) }},
		value[int64]{state("open"), func(m *loop.Metrics) int64 { return int64(m.Conns.Open) }},
		value[int64]{state("closing"), func(m *loop.Metrics) int64 { return int64(m.Conns.Closing) }})
	reason := func(name string, of func(e *loop.Ends) uint64) value[int64] {
		return value[int64]{attribute.String("reason", name), func(m *loop.Metrics) int64 { return int64(of(&m.Ended)) }}
	}
	b.counter("pike.connections.ended", "{connection}", "Connections that have ended, by reason",
		reason("closed", func(e *loop.Ends) uint64 { return e.Closed }),
		reason("eof", func(e *loop.Ends) uint64 { return e.EOF }),
		reason("reset", func(e *loop.Ends) uint64 { return e.Reset }),
		reason("timed out", func(e *loop.Ends) uint64 { return e.TimedOut }),
		reason("aborted", func(e *loop.Ends) uint64 { return e.Aborted }),
		reason("limited", func(e *loop.Ends) uint64 { return e.Limited }),
		reason("shutdown", func(e *loop.Ends) uint64 { return e.Shutdown }),
		reason("failed", func(e *loop.Ends) uint64 { return e.Failed }))
}

func (b *builder) traffic(name string, of func(m *loop.Metrics) *loop.Traffic) {
	direction := func(name string, n func(t *loop.Traffic) uint64) value[int64] {
		return value[int64]{attribute.String("direction", name), func(m *loop.Metrics) int64 { return int64(n(of(m))) }}
	}
	b.counter(name+".io", "By", "Bytes received, and bytes that the system has taken",
		direction("receive", func(t *loop.Traffic) uint64 { return t.BytesIn }),
		direction("transmit", func(t *loop.Traffic) uint64 { return t.BytesOut }))
	b.counter(name+".messages", "{message}", "Pieces or datagrams received, and writes or datagrams sent",
		direction("receive", func(t *loop.Traffic) uint64 { return t.MessagesIn }),
		direction("transmit", func(t *loop.Traffic) uint64 { return t.MessagesOut }))
	b.level(name+".queued", "By", "Bytes written that the system has not taken",
		number(func(m *loop.Metrics) int64 { return int64(of(m).Queued) })...)
	b.level(name+".unread", "By", "Bytes kept for an OnRead",
		number(func(m *loop.Metrics) int64 { return int64(of(m).Unread) })...)
}

// histogram has one bucket for each power of two: a quarter of those that the loop has, which a server would
// have to keep for each loop.
func (b *builder) histogram(name, unit, help string, of func(m *loop.Metrics) *loop.Histogram) {
	var buckets []value[int64]
	for i := range loop.HistogramBuckets - 1 {
		end := loop.BucketEnd(i)
		if end&(end-1) != 0 {
			continue
		}
		le := attribute.String("le", strconv.FormatFloat(end.Seconds(), 'g', -1, 64))
		buckets = append(buckets, value[int64]{le, func(m *loop.Metrics) int64 {
			sum := uint64(0)
			for _, n := range of(m).Buckets[:i+1] {
				sum += n
			}
			return int64(sum)
		}})
	}
	buckets = append(buckets, value[int64]{attribute.String("le", "+Inf"), func(m *loop.Metrics) int64 { return int64(of(m).Count) }})
	b.counter(name+".bucket", unit, help+": how many were no longer than le seconds", buckets...)
	b.seconds(name+".sum", help, value[float64]{of: func(m *loop.Metrics) float64 { return of(m).Sum.Seconds() }})
}
