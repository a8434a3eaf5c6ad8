package udp_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/udp"
)

// A socket whose callback panics is closed where the loop handles panics, and
// the others go on.
func TestPanicsClose(t *testing.T) {
	for callback, arrange := range callbacks {
		t.Run(callback, func(t *testing.T) {
			var told []any
			var handles []loop.Handle
			lp := newLoop(t, loop.Options{OnPanic: func(h loop.Handle, v any, stack []byte) {
				told, handles = append(told, v), append(handles, h)
				if !strings.Contains(string(stack), "panic_test.go") {
					t.Error("the stack does not show the callback")
				}
			}})
			c, peer := listen(t, lp, anyV4, nil), listen(t, lp, anyV4, nil)
			peer.Unref()
			closed := 0
			c.OnClose = func(*udp.Conn) {
				closed++
				panic("in OnClose")
			}
			arrange(t, c, peer, func() { panic("in " + callback) })
			run(t, lp)
			equal(t, "panics", fmt.Sprint(told), fmt.Sprintf("[in %s in OnClose]", callback))
			for _, h := range handles {
				equal(t, "the handle", h, loop.Handle(c))
			}
			equal(t, "close callbacks", closed, 1)
		})
	}
}
