package stream

import (
	"time"

	"example.com/pike/poller"
)

// layers are how a listener fares with the layer of what it accepts.
type layers struct {
	layer    poller.Layer
	timeout  time.Duration
	most     int       // that may get ready at a time; 0 is no limit
	first    *layering // of those that are under way
	failures failures
}

func layersOf(o *Options) layers {
	l := layers{layer: o.layer(false), timeout: defaultLayerTimeout}
	l.failures.logged = poller.Never
	if o != nil {
		l.timeout = layerTimeout(o.LayerTimeout)
	}
	return l
}

// startLayer has the layer get ready on a connection that comes in.
func (ln *Listener) startLayer(c *Conn) poller.StreamHandler {
	y := &layering{c: c}
	ln.list(y)
	c.beginLayering(y, ln.layers.timeout)
	return c.put(ln.layers.layer, poller.Place{Dialing: true})
}

// list and unlist keep the connections whose layer is not ready, and whether there is room for
// one more.
func (ln *Listener) list(y *layering) {
	l := &ln.layers
	if y.next = l.first; y.next != nil {
		y.next.prev = y
	}
	l.first = y
	ln.stats.Layering++
	ln.counted()
	if l.most > 0 && ln.stats.Layering >= l.most {
		ln.stop(crowded)
	}
}

func (ln *Listener) unlist(y *layering) {
	if y.next != nil {
		y.next.prev = y.prev
	}
	if y.prev != nil {
		y.prev.next = y.next
	} else {
		ln.layers.first = y.next
	}
	y.prev, y.next = nil, nil
	ln.stats.Layering--
	if ln.share != nil {
		ln.counted()
		ln.share.layerEnded()
		return
	}
	if !ln.Closing() {
		ln.allow(crowded)
	}
}

// closeLayering ends them, when the listener has closed.
func (ln *Listener) closeLayering() {
	for y := ln.layers.first; y != nil; {
		next := y.next
		y.c.CloseNow()
		y = next
	}
}

// layerFailed tells of a connection whose layer did not get ready.
func (ln *Listener) layerFailed(err error) {
	ln.stats.LayerFailed++
	ln.counted()
	if ln.OnError != nil && !ln.Closing() {
		ln.tell(err)
		return
	}
	f, now := &ln.layers.failures, ln.lp().Poller().Now()
	if f.unlogged++; f.logged == poller.Never || now.Sub(f.logged) >= logPause {
		ln.Loop().Logger().Warn("handshake failed", "error", err, "failures", f.unlogged)
		f.logged, f.unlogged = now, 0
	}
}
