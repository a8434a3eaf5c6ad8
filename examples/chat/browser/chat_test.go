package browser_test

import (
	"encoding/json"
	"testing"
)

// quoted is a text as JavaScript has it.
func quoted(text string) string {
	q, _ := json.Marshal(text) // a string cannot fail
	return string(q)
}

// TestTwoPeopleAndATerminal is what an evening in the chat has: rooms, members, history, unread marks, private messages
// and markup that is shown as it was written.
func TestTwoPeopleAndATerminal(t *testing.T) {
	first := browser(t)
	v := opens(t, "127.0.0.1:0")
	tim := v.terminal("tim")
	tim.send("I was here before you")
	ann := tab(t, first, "http://"+v.web+"/", 1100, 700)
	ann.enters("ann")
	ann.shows("tim", "I was here before you")
	bob := tab(t, ann.ctx, "http://"+v.web+"/", 1100, 700)
	bob.enters("bob")
	bob.lists("people", "ann", "bob (you)", "tim")
	ann.lists("people", "ann (you)", "bob", "tim")
	tim.next("bob joined #lobby")
	ann.says("hello you two")
	bob.shows("ann", "hello you two")
	ann.shows("ann", "hello you two")
	tim.next("[#lobby] ann: hello you two")
	tim.send("<img src=x onerror=alert(1)> & <b>text</b>")
	bob.shows("tim", "<img src=x onerror=alert(1)> & <b>text</b>")
	bob.until(`document.querySelectorAll("#log img, #log b").length === 0`)

	bob.says("/join #go")
	bob.lists("rooms", "#lobby", "#go")
	ann.says("are you still there?")
	bob.lists("rooms", "#lobby1", "#go")
	bob.until(`document.title === "(1) pike chat"`)
	bob.shot("unread")
	ann.says("/msg bob psst")
	bob.lists("private", "ann1")
	bob.clicks("#private button")
	bob.shows("ann", "psst")
	bob.lists("private", "ann")
	bob.says("what is it?")
	ann.shows("bob", "what is it?")
	bob.clicks("#rooms button")
	bob.shows("ann", "are you still there?")
	bob.until(`document.title === "pike chat"`)
	ann.shot("talk")
	tim.send("/quit")
	ann.lists("people", "ann (you)", "bob")
}
