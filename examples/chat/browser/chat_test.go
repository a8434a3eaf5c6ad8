package browser_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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

	bob.says("hi Ann, hi Tim: this is one server, for browsers and terminals")
	tim.send("/me waves from a terminal")
	ann.shows("tim", "waves from a terminal")
	ann.shows("bob", "hi Ann, hi Tim: this is one server, for browsers and terminals")
	ann.shot("lobby")
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
	ann.clicks("#rooms button")
	ann.says("/me nods")
	tim.next("[#lobby] * ann nods")
	tim.send("/quit")
	ann.lists("people", "ann (you)", "bob")
}

// TestBrokenLine has a page lose its connection: it keeps its name, its rooms and what is being written, and shows what
// was said meanwhile, once.
func TestBrokenLine(t *testing.T) {
	first := browser(t)
	v := opens(t, "127.0.0.1:0")
	tim := v.terminal("tim")
	l := lineTo(t, v.web)
	ann := tab(t, first, "http://"+l.addr()+"/", 1100, 700)
	ann.enters("ann")
	tim.next("ann joined #lobby")
	ann.says("/join #go")
	ann.lists("rooms", "#lobby", "#go")
	ann.clicks("#rooms button")
	tim.send("before the cut")
	ann.shows("tim", "before the cut")
	l.cut()
	ann.until(`document.getElementById("state").textContent.startsWith("Connection lost")`)
	tim.next("ann left #lobby")
	tim.send("while you were away")
	tim.send("/join #go")
	tim.next("tim joined #go")
	tim.send("here too")
	tim.send("/join #lobby")
	tim.next("tim joined #lobby")
	ann.says("still in the box")
	ann.until(`document.getElementById("text").value === "still in the box"`)
	ann.shot("lost")
	l.mend()
	tim.next("ann joined #lobby")
	ann.shows("tim", "while you were away")
	ann.until(`document.getElementById("me").textContent === "ann" && document.getElementById("state").textContent === ""`)
	ann.until(`[...document.querySelectorAll("#log li")].map((l) => l.className).join(" ").includes("divider said")`)
	ann.until(`[...document.querySelectorAll("#log .text")].filter((l) => l.textContent === "before the cut").length === 1`)
	ann.lists("rooms", "#lobby", "#go1")
	ann.lists("people", "ann (you)", "tim")
	ann.shot("missed")
	ann.says("")
	tim.next("[#lobby] ann: still in the box")
	ann.shows("ann", "still in the box")

	v.closes() // and another server comes in its place, which knows nothing of what was
	l.cut()
	ann.until(`document.getElementById("state").textContent !== ""`)
	v = opens(t, v.web)
	l.mend()
	tim = v.terminal("tim")
	ann.until(`document.getElementById("state").textContent === ""`)
	tim.send("a new server")
	ann.shows("tim", "a new server")
	ann.lists("rooms", "#lobby", "#go1")
}

// TestSmallAndDark has the page on a telephone, in the dark, by keys alone.
func TestSmallAndDark(t *testing.T) {
	first := browser(t)
	v := opens(t, "127.0.0.1:0")
	ann := tab(t, first, "http://"+v.web+"/", 390, 780)
	light := ann.background()
	ann.run(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
		return chromedp.Void{}, err
	})
	ann.until(`getComputedStyle(document.body).backgroundColor !== ` + quoted(light))
	ann.enters("ann")
	bob := v.terminal("bob")
	bob.send("a long word: " + strings.Repeat("x", 300))
	ann.until(`document.querySelectorAll("#log li.said").length === 1`)
	const fits = `document.documentElement.scrollWidth <= innerWidth`
	ann.until(fits)
	ann.until(`getComputedStyle(document.getElementById("side")).display === "none"`)
	ann.clicks("#menu")
	ann.until(`document.getElementById("menu").getAttribute("aria-expanded") === "true" && ` + fits)
	ann.shot("small-menu")
	ann.press("\u001b", chromedp.ModifierNone)
	ann.until(`getComputedStyle(document.getElementById("side")).display === "none"`)
	ann.says("/join #go")
	ann.until(`document.getElementById("title").textContent === "#go"`)
	ann.press(kb.ArrowUp, chromedp.ModifierAlt)
	ann.until(`document.getElementById("title").textContent === "#lobby"`)
	ann.shot("small-dark")
	const nameless = `[...document.querySelectorAll("button, input, [role=log]")].filter((e) => e.offsetParent && ` +
		`!(e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && e.labels.length))).length === 0`
	ann.until(nameless)
}

// TestLiveView has the curves of the loop drawn as it runs.
func TestLiveView(t *testing.T) {
	first := browser(t)
	v := opens(t, "127.0.0.1:0")
	tim := v.terminal("tim")
	live := tab(t, first, "http://"+v.web+"/live", 1100, 700)
	live.until(`document.querySelectorAll(".loop").length === 1`)
	live.until(`document.getElementById("live-state").textContent === "1 person in the chat"`)
	tim.send("hello")
	live.until(`[...document.querySelectorAll(".loop polyline")].every((l) => (l.getAttribute("points") || "").split(" ").length >= 4)`)
	live.until(`[...document.querySelectorAll(".gauge")].some((g) => ` + // tim's, and its own
		`g.firstChild.textContent === "Connections" && Number(g.querySelector("b").textContent) >= 2)`)
	live.shot("live")
}
