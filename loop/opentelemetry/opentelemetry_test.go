package opentelemetry_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"example.com/pike/loop"
	"example.com/pike/loop/opentelemetry"
	"example.com/pike/poller/sim"
	"example.com/pike/tcp"
	"example.com/pike/timer"
)

// collect is all that a reader is told, by the name and the attributes: "name{key=value,...}".
func collect(t *testing.T, reader *sdk.ManualReader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	put := func(name string, set attribute.Set, v float64) {
		key := name + "{" + set.Encoded(attribute.DefaultEncoder()) + "}"
		if _, twice := got[key]; twice {
			t.Errorf("%s is told twice", key)
		}
		got[key] = v
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					put(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					put(m.Name, p.Attributes, p.Value)
				}
			default:
				t.Errorf("%s is a %T", m.Name, data)
			}
			if m.Description == "" || m.Unit == "" {
				t.Errorf("%s has no unit, or no description", m.Name)
			}
		}
	}
	return got
}

// What is told of a loop whose story is known: to two readers the same, as nothing is since the last reading.
func TestStory(t *testing.T) {
	w := sim.New(1, sim.Config{})
	lp, err := loop.New(loop.Options{Poller: w.Host("host")})
	if err != nil {
		t.Fatal(err)
	}
	defer lp.Close()
	readers := []*sdk.ManualReader{sdk.NewManualReader(), sdk.NewManualReader()}
	provider := sdk.NewMeterProvider(sdk.WithReader(readers[0]), sdk.WithReader(readers[1]))
	registration, err := opentelemetry.Register(provider.Meter("test"), "main", lp)
	if err != nil {
		t.Fatal(err)
	}
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
	for _, reader := range readers {
		got := collect(t, reader)
		for key, want := range map[string]float64{
			"pike.loop.handles{pike.loop=main}":                       1,
			"pike.stream.io{direction=receive,pike.loop=main}":        5,
			"pike.stream.io{direction=transmit,pike.loop=main}":       5,
			"pike.stream.messages{direction=transmit,pike.loop=main}": 1,
			"pike.packets.io{direction=receive,pike.loop=main}":       0,
			"pike.connections{pike.loop=main,state=open}":             0,
			"pike.connections.ended{pike.loop=main,reason=closed}":    1,
			"pike.connections.ended{pike.loop=main,reason=eof}":       1,
			"pike.loop.lag.bucket{le=+Inf,pike.loop=main}":            float64(lp.Metrics().Lag.Count),
			"pike.loop.lag.bucket{le=8.589934592,pike.loop=main}":     float64(lp.Metrics().Lag.Count),
			"pike.loop.callbacks{pike.loop=main}":                     float64(lp.Metrics().Callbacks),
			"pike.loop.turns{pike.loop=main}":                         float64(lp.Metrics().Turns),
			"pike.connections.ended{pike.loop=main,reason=timed out}": 0,
		} {
			if have, ok := got[key]; !ok || have != want {
				t.Errorf("%s is %v, want %v", key, have, want)
			}
		}
		if t.Failed() {
			t.Logf("%v", got)
		}
	}
	if err := registration.Unregister(); err != nil {
		t.Error(err)
	}
	if got := collect(t, readers[0]); len(got) > 0 {
		t.Errorf("after Unregister: %v", got)
	}
}

// A source whose numbers are all different.
type source struct{ m loop.Metrics }

func (s *source) Metrics() loop.Metrics { return s.m }

// untold are fields that no instrument has.
var untold = map[string]bool{
	"Slowest": true,                                                          // what a level is since, no collection knows
	"Lag.Max": true, "Work.Max": true, "Lag.Count": true, "Work.Count": true, // the last bucket has the count
}

// Every number of Metrics is told, and none as another.
func TestEveryNumber(t *testing.T) {
	s, next, want := &source{}, int64(1000), map[string]float64{}
	var fill func(name string, v reflect.Value)
	fill = func(name string, v reflect.Value) {
		switch next++; {
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				fill(strings.TrimPrefix(name+"."+v.Type().Field(i).Name, "."), v.Field(i))
			}
			return
		case v.Kind() == reflect.Array: // the buckets
			return
		case v.Type() == reflect.TypeFor[time.Duration]():
			v.SetInt(next * int64(time.Second))
		case v.CanInt():
			v.SetInt(next)
		default:
			v.SetUint(uint64(next))
		}
		if name = strings.TrimPrefix(name, "Counters."); !untold[name] {
			want[name] = float64(next)
		}
	}
	fill("", reflect.ValueOf(&s.m).Elem())
	reader := sdk.NewManualReader()
	meter := sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("test")
	if _, err := opentelemetry.Register(meter, "one", s); err != nil {
		t.Fatal(err)
	}
	other := &source{}
	if _, err := opentelemetry.Register(meter, "two", other); err != nil {
		t.Fatal(err)
	}
	told := map[float64]int{}
	for key, v := range collect(t, reader) {
		if strings.Contains(key, "pike.loop=one") {
			told[v]++
		} else if v != 0 {
			t.Errorf("%s is %v, and of the loop that has done nothing", key, v)
		}
	}
	for name, v := range want {
		if told[v] != 1 {
			t.Errorf("%s was told %d times", name, told[v])
		}
	}
}

// A bucket has what is no longer than it says, those before included.
func TestBuckets(t *testing.T) {
	s := &source{}
	h := &s.m.Lag
	for i := range h.Buckets {
		h.Buckets[i] = 1
		h.Count++
	}
	reader := sdk.NewManualReader()
	if _, err := opentelemetry.Register(sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("test"), "main", s); err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	for le, want := range map[string]float64{"1.024e-06": 1, "2.048e-06": 5, "4.096e-06": 9, "+Inf": loop.HistogramBuckets} {
		if n := got["pike.loop.lag.bucket{le="+le+",pike.loop=main}"]; n != want {
			t.Errorf("%v are no longer than %s, want %v", n, le, want)
		}
	}
}

func TestMisuse(t *testing.T) {
	if _, err := opentelemetry.Register(nil, "main", &source{}); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if _, err := opentelemetry.Register(noop.Meter{}, "main", nil); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
}
