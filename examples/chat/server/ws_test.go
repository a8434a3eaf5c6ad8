package server

import (
	"testing"

	"github.com/gobwas/ws"
)

// TestBrowserAndTerminal has both talk in all ways that there are.
func TestBrowserAndTerminal(t *testing.T) {
	h := newHall(t, Options{}).withWeb(WebOptions{})
	a := h.named("ann")
	b := h.browser("bob")
	a.expect("* bob joined #lobby")
	b.send("hello ann")
	a.expect("[#lobby] bob: hello ann")
	b.expect("[#lobby] bob: hello ann") // so that it knows that it has arrived
	a.send("hello bob", "/msg bob psst")
	a.expect("[ann -> bob] psst")
	b.expect("[#lobby] ann: hello bob", "[ann -> bob] psst")
	b.send("/msg ann yes?", "/who", "/nick rob")
	a.expect("[bob -> ann] yes?", "* bob is now rob")
	b.expect("[bob -> ann] yes?", "* in #lobby: ann, bob", "* bob is now rob")
	b.send("/quit")
	b.expect("* goodbye")
	b.closes(ws.StatusNormalClosure)
	a.expect("* rob left #lobby")
	a.sync()
}
