package stream_test

import (
	"testing"

	"example.com/pike/loop"
	"example.com/pike/stream"
	"example.com/pike/tcp"
)

// A callback about the queue, or of a pipe, that panics closes its connection where the
// loop handles panics, and everything else goes on.
func TestPanicsAboutTheQueue(t *testing.T) {
	boom := func(*tcp.Conn) { panic("boom") }
	for name, watch := range map[string]func(r *rig, c *tcp.Conn){
		"OnHigh": func(r *rig, c *tcp.Conn) { r.no(c.SetWatermarks(&stream.Watermarks{High: 1, OnHigh: boom})) },
		"OnLow":  func(r *rig, c *tcp.Conn) { r.no(c.SetWatermarks(&stream.Watermarks{High: 1, OnLow: boom})) },
		"OnExceeded": func(r *rig, c *tcp.Conn) {
			r.no(c.SetQueueLimit(&stream.QueueLimit{Bytes: 1, Policy: stream.Notify, OnExceeded: boom}))
		},
		"OnExceeded of the loop": func(r *rig, c *tcp.Conn) {
			r.no(stream.SetLoopLimit(r.lp, &stream.QueueLimit{Bytes: 1, Policy: stream.Notify, OnExceeded: boom}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			panics := 0
			r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
			reader, writer := r.pair()
			closed := false
			writer.OnClose = func(*tcp.Conn, error) { closed = true }
			watch(r, writer)
			r.no(reader.PauseRead())
			writer.Write(make([]byte, 16*mebibyte))
			r.turns(3)
			r.no(reader.ResumeRead())
			r.until("it is closed", func() bool { return closed })
			r.equal("panics", panics, 1)
			r.equal("queued", stream.Queued(r.lp), 0)
			r.run()
		})
	}
}

func TestPanicsInAJoin(t *testing.T) {
	panics, done := 0, 0
	r := newRig(t, loop.Options{OnPanic: func(loop.Handle, any, []byte) { panics++ }})
	client, a := r.pair()
	server, b := r.pair()
	for _, c := range []*tcp.Conn{a, b} {
		c.OnClose = func(*tcp.Conn, error) { panic("boom") }
	}
	r.no(stream.Join(a, b, func(stream.Joined) {
		done++
		panic("boom")
	}))
	r.no(client.Close())
	r.no(server.CloseWrite())
	r.run()
	r.equal("panics", panics, 3)
	r.equal("done", done, 1)
}
