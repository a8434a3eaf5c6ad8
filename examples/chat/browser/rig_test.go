// Package browser_test has the chat tried in a real browser, by two people and a terminal at once. It is a module of its
// own, so that nobody but this test needs what drives a browser.
package browser_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.com/pike/examples/chat/server"
	"example.com/pike/loop"
)

// patience bounds whatever a test waits for.
const patience = 90 * time.Second

// A venue is a server on a goroutine of its own.
type venue struct {
	t    *testing.T
	lp   *loop.Loop
	srv  *server.Server
	addr string // for terminals
	web  string // for browsers
	done chan error
}

// opens starts a server; web may be that of one before.
func opens(t *testing.T, web string) *venue {
	t.Helper()
	lp, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := &venue{t: t, lp: lp, done: make(chan error, 1)}
	if v.srv, err = server.Listen(lp, "127.0.0.1:0", server.Options{}); err != nil {
		t.Fatal(err)
	}
	w, err := v.srv.ListenWeb(web, server.WebOptions{})
	if err != nil {
		t.Fatal(err)
	}
	v.addr, v.web = v.srv.Addr().String(), w.Addr().String()
	go func() { v.done <- lp.Run() }()
	t.Cleanup(v.closes)
	return v
}

// closes ends the server, if it has not ended.
func (v *venue) closes() {
	if v.lp == nil {
		return
	}
	v.lp.Post(func() { v.lp.Shutdown(context.Background(), 5*time.Second, nil) })
	if err := <-v.done; err != nil {
		v.t.Error(err)
	}
	v.lp.Close()
	v.lp = nil
}

// A terminal is a client by TCP.
type terminal struct {
	t *testing.T
	net.Conn
	lines *bufio.Scanner
}

func (v *venue) terminal(name string) *terminal {
	v.t.Helper()
	conn, err := net.Dial("tcp", v.addr)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { conn.Close() })
	k := &terminal{v.t, conn, bufio.NewScanner(conn)}
	k.send("/nick " + name)
	k.next(name + " joined #lobby")
	return k
}

func (k *terminal) send(line string) {
	k.t.Helper()
	if _, err := k.Write([]byte(line + "\n")); err != nil {
		k.t.Fatal(err)
	}
}

// next waits for a line that has a text in it.
func (k *terminal) next(text string) {
	k.t.Helper()
	k.SetDeadline(time.Now().Add(patience))
	for k.lines.Scan() {
		if strings.Contains(k.lines.Text(), text) {
			return
		}
	}
	k.t.Fatalf("%q did not come: %v", text, k.lines.Err())
}

// browser starts Chromium, and skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium here; Debian's package is chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("lang", "en"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	return ctx
}

// A page is a tab of the browser.
type page struct {
	t   *testing.T
	ctx context.Context
}

// tab opens an address. The first tab of a browser starts it.
func tab(t *testing.T, of context.Context, address string, width, height int64) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(of)
	t.Cleanup(cancel)
	p := &page{t, ctx}
	if err := chromedp.Do(ctx); err != nil { // without a bound: its context is that of the tab
		t.Fatal(err)
	}
	p.run(chromedp.EmulateViewport(width, height), chromedp.Navigate(address))
	return p
}

func (p *page) run(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.fails(err.Error())
	}
}

// fails is the end of a test, with what the page shows.
func (p *page) fails(why string) {
	p.t.Helper()
	text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	p.shot("failed")
	p.t.Fatalf("%s; the page shows\n%s", why, text)
}

// enters goes through the door.
func (p *page) enters(name string) {
	p.t.Helper()
	p.run(chromedp.WaitVisible(chromedp.CSS("#name")), chromedp.SendKeys(chromedp.CSS("#name"), name+"\n"))
	p.until(`document.getElementById("me").textContent === ` + quoted(name))
}

// says types a line, and sends it by the enter key.
func (p *page) says(text string) {
	p.t.Helper()
	p.run(chromedp.SendKeys(chromedp.CSS("#text"), text+"\n"))
}

// clicks clicks on what a selector finds first.
func (p *page) clicks(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.CSS(selector)))
}

// press presses a key.
func (p *page) press(key string, with chromedp.Modifier) {
	p.t.Helper()
	p.run(chromedp.KeyEvent(key, chromedp.KeyModifiers(with)))
}

// background is the colour behind the page.
func (p *page) background() string {
	p.t.Helper()
	colour, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("getComputedStyle(document.body).backgroundColor"))
	if err != nil {
		p.fails(err.Error())
	}
	return colour
}

// until waits until an expression of JavaScript is true.
func (p *page) until(expression string) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		cancel()
		if err != nil {
			p.fails(err.Error())
		}
		if is {
			return
		}
	}
	p.fails(expression + " does not become true")
}

// shows waits for a message in the conversation that is shown.
func (p *page) shows(from, text string) {
	p.t.Helper()
	p.until(`[...document.querySelectorAll("#log li.said:not(.pending)")].some((l) => l.querySelector(".from").textContent === ` +
		quoted(from) + ` && l.querySelector(".text").textContent === ` + quoted(text) + `)`)
}

// lists waits for the rooms, or people, that the page lists; an unread mark is a number behind a room.
func (p *page) lists(what string, want ...string) {
	p.t.Helper()
	p.until(`[...document.querySelectorAll("#` + what + ` li button:first-child")].map((b) => b.textContent).join(" ") === ` +
		quoted(strings.Join(want, " ")))
}

// shot saves what the page shows, where PIKE_SCREENSHOTS says.
func (p *page) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("PIKE_SCREENSHOTS")
	if dir == "" {
		return
	}
	image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Error(err)
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), image, 0o644); err != nil {
		p.t.Error(err)
	}
}
