package sim

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/pike/poller"
)

// A diagram is the story of a world as a sequence diagram: a lane for each host, an arrow for each message that was
// received, and a mark for what else is told.
type diagram struct {
	w     *World
	lanes []string
	rows  []row
}

// A row is one line of a diagram.
type row struct {
	at       poller.Time
	from, to string // from is empty if it is no arrow; both are if it is of the whole world
	text     string
	kind     rowKind
	times    int // how many messages in a row it stands for, of so many bytes
	bytes    int64
}

type rowKind uint8

const (
	plainRow rowKind = iota
	messageRow
	faultRow // something goes wrong
	endRow   // it is well again
	noteRow  // a Notef
)

// What a diagram shows at most: what is between the first and the last rows is folded.
const (
	rowsFirst = 60
	rowsLast  = 540
)

// undrawn is told by other rows, or has nothing that a reader looks for.
var undrawn = map[verb]bool{
	vStart: true, vStop: true, vStartOn: true, vStopOn: true, vSend: true, vTrySend: true, vSent: true, vSentPackets: true,
	vSendPackets: true, vReceivedPackets: true, vSubmit: true, vJob: true, vLookup: true, vClosed: true, vBind: true, vConnect: true,
}

// add draws what the trace tells.
func (d *diagram) add(now poller.Time, host string, v verb, a *poller.Addr, n int64, failed bool, text string) {
	if undrawn[v] {
		return
	}
	r := row{at: now, to: host, text: text, times: 1}
	switch v {
	case vReceived, vEnded:
		r.from, r.kind = d.laneOf(a), messageRow
		if r.from == host {
			r.from = "" // a machine that talks to itself
		}
		switch {
		case failed:
			r.kind = faultRow
		case v == vEnded:
			r.text = "the end"
		default:
			r.text, r.bytes = "", n
		}
	case vCut, vCutOneWay:
		r.from, r.to, r.kind = host, a.Path, faultRow
	case vHeal, vHealOneWay:
		r.from, r.to, r.kind = host, a.Path, endRow
	case vFault, vKilled, vOff, vAct, vViolation, vPaused, vReset, vFailed, vPacketError, vOverflow, vSlow, vClock:
		r.kind = faultRow
	case vOn, vBegin, vResumed, vActEnds:
		r.kind = endRow
	case vNote:
		r.kind = noteRow
	}
	if host == worldName {
		r.to = ""
	}
	d.put(r)
}

// datagram draws one that was received.
func (d *diagram) datagram(now poller.Time, from *poller.Addr, to string, n int) {
	d.put(row{at: now, from: d.laneOf(from), to: to, kind: messageRow, times: 1, bytes: int64(n)})
}

// means gives the message that was drawn last its meaning.
func (d *diagram) means(text string) {
	if last := len(d.rows) - 1; last >= 0 && d.rows[last].kind == messageRow {
		r := &d.rows[last]
		if r.times > 1 { // those before it had another
			one := *r
			r.times--
			one.times, one.text = 1, text
			d.rows = append(d.rows, one)
			return
		}
		r.text = text
	}
}

// put adds a row. Messages from one host to another that nothing is known of are one row.
func (d *diagram) put(r row) {
	for _, name := range [...]string{r.from, r.to} {
		if name != "" && !slices.Contains(d.lanes, name) {
			d.lanes = append(d.lanes, name)
		}
	}
	if last := len(d.rows) - 1; last >= 0 && r.kind == messageRow && r.text == "" {
		if l := &d.rows[last]; l.kind == messageRow && l.text == "" && l.from == r.from && l.to == r.to {
			l.times++
			l.bytes += r.bytes
			l.at = r.at
			return
		}
	}
	d.rows = append(d.rows, r)
}

// laneOf is the host that has an address.
func (d *diagram) laneOf(a *poller.Addr) string {
	if a != nil && a.IsValid() {
		if m := d.w.byAddr[a.Addr().Unmap().WithZone("")]; m != nil {
			return m.name
		}
	}
	return ""
}

// folded are the rows to draw.
func (d *diagram) folded() []row {
	over := len(d.rows) - rowsFirst - rowsLast
	if over <= 0 {
		return d.rows
	}
	fold := row{at: d.rows[rowsFirst].at, text: fmt.Sprintf("... %d rows are left out", over)}
	return slices.Concat(d.rows[:rowsFirst], []row{fold}, d.rows[rowsFirst+over:])
}

// label is what stands at a row.
func (r *row) label() string {
	switch {
	case r.kind == messageRow && r.text == "" && r.times > 1:
		return fmt.Sprintf("%d bytes in %d messages", r.bytes, r.times)
	case r.kind == messageRow && r.text == "":
		return fmt.Sprintf("%d bytes", r.bytes)
	case r.from == "" && r.to != "":
		return r.to + ": " + r.text
	}
	return r.text
}

// drawText writes the diagram as text: a column for each host, and what happens at the right.
func (d *diagram) drawText(out io.Writer) error {
	width := 8
	for _, name := range d.lanes {
		width = max(width, utf8.RuneCountInString(name)+2)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%14s ", "")
	for _, name := range d.lanes {
		fmt.Fprintf(&b, " %-*s", width-1, name)
	}
	b.WriteByte('\n')
	for _, r := range d.folded() {
		line := []rune(strings.Repeat("|"+strings.Repeat(" ", width-1), len(d.lanes)))
		from, to := slices.Index(d.lanes, r.from)*width, slices.Index(d.lanes, r.to)*width
		switch {
		case from >= 0 && to >= 0 && from != to:
			for x := min(from, to) + 1; x < max(from, to); x++ {
				line[x] = r.stroke(x)
			}
			if to > from {
				line[to-1] = '>'
			} else {
				line[to+1] = '<'
			}
		case to >= 0:
			line[to] = r.mark()
		}
		fmt.Fprintf(&b, "%14s  %s %s\n", clock(r.at), string(line), r.label())
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *row) stroke(x int) rune {
	switch {
	case r.kind == faultRow && x%2 == 0:
		return 'x'
	case r.kind == endRow && x%2 == 0:
		return ' '
	}
	return '-'
}

func (r *row) mark() rune {
	switch r.kind {
	case faultRow:
		return 'X'
	case noteRow:
		return 'o'
	}
	return '*'
}

// The measures of an SVG, in pixels.
const (
	svgLeft  = 110
	svgLane  = 170
	svgRow   = 20
	svgHead  = 40
	svgAside = 420 // for the text beside the last lane
)

// colours are those of each kind of row.
var colours = [...]string{plainRow: "#555", messageRow: "#1a5fb4", faultRow: "#c01c28", endRow: "#26794a", noteRow: "#813d9c"}

// drawSVG writes the diagram as SVG (W3C, Scalable Vector Graphics 1.1).
func (d *diagram) drawSVG(out io.Writer) error {
	rows := d.folded()
	width, height := svgLeft+len(d.lanes)*svgLane+svgAside, svgHead+(len(rows)+2)*svgRow
	x := func(name string) int { return svgLeft + slices.Index(d.lanes, name)*svgLane + svgLane/2 }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `, width, height)
	b.WriteString(`font-family="monospace" font-size="11">` + "\n")
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	for _, name := range d.lanes {
		fmt.Fprintf(&b, `<text x="%d" y="20" text-anchor="middle" font-weight="bold">%s</text>`+"\n", x(name), html.EscapeString(name))
		fmt.Fprintf(&b, `<line x1="%d" y1="28" x2="%d" y2="%d" stroke="#bbb"/>`+"\n", x(name), x(name), height-svgRow)
	}
	for i, r := range rows {
		y := svgHead + (i+1)*svgRow
		colour, text := colours[r.kind], html.EscapeString(r.label())
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#777">%s</text>`+"\n", svgLeft-8, y+4, clock(r.at))
		switch {
		case r.from != "" && r.from != r.to:
			d.svgArrow(&b, x(r.from), x(r.to), y, &r, text)
		case r.to != "":
			fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="4" fill="%s"/>`+"\n", x(r.to), y, colour)
			fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", x(r.to)+9, y+4, colour, html.EscapeString(r.text))
		default:
			fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s" font-style="italic">%s</text>`+"\n", svgLeft, y+4, colour, text)
		}
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func (d *diagram) svgArrow(b *strings.Builder, from, to, y int, r *row, text string) {
	dash, tip := "", 6
	if r.kind != messageRow {
		dash = ` stroke-dasharray="4 3"`
	}
	if to > from {
		tip = -tip
	}
	colour := colours[r.kind]
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s"%s/>`+"\n", from, y, to, y, colour, dash)
	fmt.Fprintf(b, `<path d="M%d %d l%d -4 l0 8 z" fill="%s"/>`+"\n", to, y, tip, colour)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="%s">%s</text>`+"\n", (from+to)/2, y-3, colour, text)
}
