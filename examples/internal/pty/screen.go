package pty

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Screen is what a terminal shows: as many of the controls of ECMA-48 as a line editor uses, as xterm obeys them. Every
// other is noted as unknown. All methods may be called by any goroutine.
type Screen struct {
	mu      sync.Mutex
	cells   [][]rune
	x, y    int
	width   int
	full    bool // the last character is in the last column: the next one is on a new line
	begun   []byte
	seen    strings.Builder // all that was written
	unknown []string
	modes   map[string]bool
}

// NewScreen is an empty screen.
func NewScreen(width, height int) *Screen {
	s := &Screen{modes: map[string]bool{}}
	s.Resize(width, height)
	return s
}

// Resize cuts lines off or lengthens them, and takes lines from the top if there are too many.
func (s *Screen) Resize(width, height int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width = width
	for i, row := range s.cells {
		for len(row) < width {
			row = append(row, ' ')
		}
		s.cells[i] = row[:width]
	}
	for len(s.cells) < height {
		s.cells = append(s.cells, s.blank())
	}
	if over := len(s.cells) - height; over > 0 {
		cut := min(over, max(s.y-height+1, 0))
		s.cells, s.y = s.cells[cut:], s.y-cut
		s.cells = s.cells[:height]
	}
	s.x, s.full = min(s.x, width-1), false
}

func (s *Screen) blank() []rune { return []rune(strings.Repeat(" ", s.width)) }

// Write shows what a program has written.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.Write(p)
	s.begun = append(s.begun, p...)
	for {
		n := s.obey(s.begun)
		if n == 0 {
			return len(p), nil
		}
		s.begun = s.begun[n:]
	}
}

// obey does the first thing of p, and returns how long it is; 0 is not there yet.
func (s *Screen) obey(p []byte) int {
	switch {
	case len(p) == 0 || !utf8.FullRune(p) || len(p) == 1 && p[0] == 0x1b:
		return 0
	case p[0] == 0x1b && p[1] == '[':
		for i, b := range p[2:] {
			if b >= 0x40 && b <= 0x7e {
				s.control(string(p[2:i+2]), b)
				return i + 3
			}
		}
		return 0
	case p[0] == 0x1b:
		s.unknown = append(s.unknown, fmt.Sprintf("%q", p[:2]))
		return 2
	}
	r, n := utf8.DecodeRune(p)
	switch {
	case r == '\r':
		s.x, s.full = 0, false
	case r == '\n':
		s.down()
	case r == '\b':
		s.x, s.full = max(s.x-1, 0), false
	case r < ' ' || r >= 0x7f && r < 0xa0:
		s.unknown = append(s.unknown, fmt.Sprintf("%q", r))
	default:
		s.put(r)
	}
	return n
}

func (s *Screen) put(r rune) {
	if s.full {
		s.x, s.full = 0, false
		s.down()
	}
	if s.cells[s.y][s.x] = r; s.x < s.width-1 {
		s.x++
	} else {
		s.full = true
	}
}

func (s *Screen) down() {
	s.full = false
	if s.y++; s.y == len(s.cells) {
		s.y--
		s.cells = append(s.cells[1:], s.blank())
	}
}

func (s *Screen) control(args string, end byte) {
	n, _ := strconv.Atoi(args)
	steps := max(n, 1)
	switch {
	case end == 'm':
		return
	case end == 'A':
		s.y = max(s.y-steps, 0)
	case end == 'B':
		s.y = min(s.y+steps, len(s.cells)-1)
	case end == 'C':
		s.x = min(s.x+steps, s.width-1)
	case end == 'D':
		s.x = max(s.x-steps, 0)
	case end == 'H' && args == "":
		s.x, s.y = 0, 0
	case end == 'K' && args == "":
		copy(s.cells[s.y][s.x:], s.blank())
	case end == 'J' && args == "2":
		for i := range s.cells {
			s.cells[i] = s.blank()
		}
	case end == 'h' || end == 'l':
		s.modes[args] = end == 'h'
	default:
		s.unknown = append(s.unknown, fmt.Sprintf("CSI %s %c", args, end))
	}
	s.full = false
}

// Lines are what is to be seen, without spaces at the ends of lines and empty lines at the end.
func (s *Screen) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, row := range s.cells {
		lines = append(lines, strings.TrimRight(string(row), " "))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// Cursor is where the next character goes, from 0.
func (s *Screen) Cursor() (x, y int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.x, s.y
}

// Written is all that was written, with its escape sequences.
func (s *Screen) Written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// Unknown are the controls that the screen does not know.
func (s *Screen) Unknown() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unknown
}

// Mode reports whether a private mode is set: ?2004 is that of bracketed paste.
func (s *Screen) Mode(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modes[name]
}
