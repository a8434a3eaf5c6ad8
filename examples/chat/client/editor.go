package client

import (
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/term"

	"example.com/pike/signal"
)

// An editor is the terminal of a person. The line that is typed stays at the bottom, and what arrives goes above it.
type editor struct {
	c      *client
	out    *os.File
	term   *term.Terminal
	look   look
	give   func() // undoes what was changed of the terminal
	once   sync.Once
	closed atomic.Bool
}

// Write is for the term.Terminal alone. Its ReadLine, which nothing ends, must not echo on a terminal that was given
// back.
func (e *editor) Write(p []byte) (int, error) {
	if e.closed.Load() {
		return len(p), nil
	}
	return e.out.Write(p)
}

// openEditor takes the terminal over, or is nil where there is none for a person: then bytes go in and out as they are.
func openEditor(c *client) (*editor, error) {
	in, isFile := c.o.In.(*os.File)
	out, areFiles := c.o.Out.(*os.File)
	if !isFile || !areFiles || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil, nil
	}
	give, err := takeTerminal(in, out)
	if err != nil {
		return nil, err
	}
	e := &editor{c: c, out: out, give: give}
	e.look = look{colours: os.Getenv("NO_COLOR") == "", now: c.o.Now}
	e.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, e}, c.view.prompt())
	e.term.AutoCompleteCallback = e.complete
	e.resize()
	e.term.SetBracketedPasteMode(true)
	c.input.from = e
	if len(resizes) > 0 {
		w, err := signal.Notify(c.lp, func(os.Signal) { e.resize() }, resizes...)
		if err != nil {
			e.close()
			return nil, err
		}
		w.Unref()
	}
	return e, nil
}

// takeTerminal has the terminal hand over each key, and obey escape sequences.
func takeTerminal(in, out *os.File) (give func(), err error) {
	sequences, err := takeOutput(out)
	if err != nil {
		return nil, err
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		sequences()
		return nil, err
	}
	return func() {
		term.Restore(int(in.Fd()), state)
		sequences()
	}, nil
}

// resize takes the size of the window, where it has one.
func (e *editor) resize() {
	if width, height, err := term.GetSize(int(e.out.Fd())); err == nil && width > 0 && !e.closed.Load() {
		e.term.SetSize(width, height)
	}
}

// Read is the next line that is typed, with its end. It runs on the goroutine of read.
func (e *editor) Read(p []byte) (int, error) {
	for {
		text, err := e.term.ReadLine()
		if err != nil && err != term.ErrPasteIndicator {
			return 0, io.EOF // Ctrl-C, Ctrl-D or a terminal that has gone
		}
		if strings.TrimSpace(text) != "" {
			return copy(p, text+"\n"), nil // which fits: a line of the editor has 4096 characters at most
		}
	}
}

// show prints a line above the one that is typed, and puts another prompt before that.
func (e *editor) show(text, prompt string) error {
	if e.closed.Load() {
		_, err := io.WriteString(e.out, text+"\n")
		return err
	}
	if len(resizes) == 0 {
		e.resize() // nothing tells
	}
	e.term.SetPrompt(prompt)
	_, err := io.WriteString(e.term, text+"\n")
	return err
}

// complete is what Tab does. The editor calls it on the goroutine of read, and it asks the loop, which has the view.
func (e *editor) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	done := make(chan struct{})
	made, at := line, pos
	err := e.c.lp.Post(func() {
		defer close(done)
		var choice []string
		if made, at, choice = e.c.view.complete(line, pos); len(choice) > 0 {
			e.show(margin+strings.Join(choice, "  "), e.c.view.prompt())
		}
	})
	if err != nil {
		return line, pos, true
	}
	select {
	case <-done:
		return made, at, true
	case <-e.c.input.gone:
		return line, pos, true
	}
}

// typed takes note of what a line means for us.
func (c *client) typed(text string) {
	if strings.TrimSpace(text) == "/quit" {
		c.left = true
	}
}

// close gives the terminal back, on a line of its own. Any goroutine may call it.
func (e *editor) close() {
	e.once.Do(func() {
		e.term.SetBracketedPasteMode(false)
		e.closed.Store(true)
		io.WriteString(e.out, "\r\n")
		e.give()
	})
}

// rescue is deferred on the goroutine of read, so that a panic there is seen on a terminal that works.
func (e *editor) rescue() {
	if p := recover(); p != nil {
		e.close()
		panic(p)
	}
}
