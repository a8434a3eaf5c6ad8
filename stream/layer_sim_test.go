package stream_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream/layer"
	"example.com/pike/stream/layer/layertest"
	"example.com/pike/tcp"
)

// The layers of the world: a handshake on the loop below one that leaves it, and a second one for STARTTLS.
var (
	offLoop   = layertest.Greeting{Word: "good morning", Work: func() {}}
	dialedBy  = layer.Stack{layer.Identity{}, hello, offLoop}
	wrongWord = layer.Stack{layertest.Greeting{Word: "hallo"}, offLoop}
	upgrade   = layertest.Greeting{Word: "in private", Answers: true, Work: func() {}}
)

const upgradeWord = "STARTTLS\n"

// layeredEcho is a world in which clients shake hands with a server that echoes. The first has the wrong
// word, and each other one asks for a second layer.
func layeredEcho(w *sim.World) error {
	size := w.Param("size")
	w.Daemon(w.Host("srv"), func(h *sim.Host) error {
		lp, err := loop.New(loop.Options{Poller: h})
		if err != nil {
			return err
		}
		ln, err := tcp.Listen(lp, ":7000", &tcp.Options{Layer: dialedBy, MaxLayering: 2})
		if err != nil {
			return err
		}
		ln.OnError = func(error) {} // of the wrong word, and of faults
		ln.OnAccept = func(c *tcp.Conn) { serveUpgrade(w, c) }
		return lp.Run()
	})
	for i := range w.Param("clients") {
		w.Go(w.Host(fmt.Sprint("cli", i+1)), func(h *sim.Host) error { return layeredClient(w, h, i, size) })
	}
	return w.Run()
}

// serveUpgrade echoes, and answers the word that asks for a layer.
func serveUpgrade(w *sim.World, c *tcp.Conn) {
	echo := func(c *tcp.Conn, p []byte) { c.Write(p) }
	asked := ""
	c.OnRead = func(c *tcp.Conn, p []byte) {
		if asked += string(p); p[0] != 'S' && len(asked) == len(p) {
			c.OnRead = echo
			c.Write(p)
			return
		}
		if asked != upgradeWord {
			return
		}
		c.WriteString("go")
		if err := c.StartLayer(upgrade, func(c *tcp.Conn, err error) { c.OnRead = echo }); err != nil {
			w.Errorf("the server's StartLayer: %v", err)
		}
	}
}

// layeredClient sends bytes that begin with none of the upgrade's, and wants them back.
func layeredClient(w *sim.World, h *sim.Host, i, size int) error {
	lp, err := loop.New(loop.Options{Poller: h})
	if err != nil {
		return err
	}
	defer lp.Close()
	o := &tcp.Options{Layer: dialedBy, Timeout: time.Minute, IdleTimeout: time.Minute}
	if i == 0 {
		o.Layer = wrongWord
	}
	told := 0
	begin := func(c *tcp.Conn) {
		var out, in pattern
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if err := in.check(p); err != nil {
				w.Errorf("client %d: %v", i, err)
			}
			if in.at == size {
				c.Close()
			}
		}
		c.Write(out.next(size))
	}
	_, err = tcp.Dial(lp, "10.0.0.1:7000", o, func(c *tcp.Conn, err error) {
		if told++; err != nil {
			return
		}
		if i == 0 {
			w.Errorf("the wrong word was as good as the right one")
		}
		if i%2 == 0 {
			begin(c)
			return
		}
		answer := ""
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if answer += string(p); answer != "go" {
				return
			}
			told--
			err := c.StartLayer(upgrade, func(c *tcp.Conn, err error) {
				if told++; err == nil {
					begin(c)
				}
			})
			if err != nil {
				w.Errorf("the client's StartLayer: %v", err)
			}
		}
		c.WriteString(upgradeWord)
	})
	if err != nil {
		return err
	}
	if err := lp.Run(); err != nil {
		return err
	}
	if told != 1 {
		w.Errorf("client %d was told %d times that its layer is ready, or not", i, told)
	}
	return nil
}

func TestLayersUnderFaults(t *testing.T) {
	cfg := sim.Config{
		Faults: sim.Heavy().Without(sim.Crash),
		Params: []sim.Param{{Name: "clients", Value: 5, Min: 1}, {Name: "size", Value: 30_000, Min: 1}},
	}
	worlds := 300
	if testing.Short() || checked {
		worlds = 30
	}
	sim.Explore(t, worlds, cfg, layeredEcho)
}

// Without a fault all of it arrives, and every world comes again as it was.
func TestLayersInEveryWorld(t *testing.T) {
	cfg := sim.Config{Params: []sim.Param{{Name: "clients", Value: 5, Min: 1}, {Name: "size", Value: 30_000, Min: 1}}}
	for seed := range uint64(30) {
		var hash [2]string
		for i := range hash {
			w := sim.New(seed, cfg)
			if err := layeredEcho(w); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			hash[i] = fmt.Sprint(w.Hash())
		}
		if hash[0] != hash[1] {
			t.Errorf("seed %d: not the same twice", seed)
		}
	}
}
