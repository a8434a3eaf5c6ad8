package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

const (
	longestValue = 64 << 20
	longest      = longestValue + 1<<20 // command, with all that is around its values
	longestLine  = 64 << 10
	leastArg     = len("$0\n\r\n")
	badNumber    = "-ERR value is not an integer or out of range"
)

// parse cuts a command off p, an array of bulk strings or a line of words. It appends the arguments to args; they lie in
// p, and an empty line has none. n is the length of the command, or 0 if it has still to come, and is need bytes at least.
func parse(p []byte, args [][]byte) (_ [][]byte, n, need int, err error) {
	line, at, err := cut(p, 0)
	if bytes.HasPrefix(p, []byte("POST ")) || bytes.HasPrefix(p, []byte("Host:")) {
		return nil, 0, 0, errors.New("HTTP") // a browser that somebody has made to write to us
	}
	if at == 0 || p[0] != '*' {
		return append(args, bytes.Fields(line)...), at, len(p) + 1, err
	}
	left, err := length(line, '*', 1<<20, "multibulk")
	for ; left > 0 && err == nil; left-- {
		line, from, err := cut(p, at)
		if from == 0 {
			return args, 0, max(len(p)+1, at+left*leastArg), err
		}
		size, err := length(line, '$', longestValue, "bulk")
		if at = from + size + len("\r\n"); err != nil || len(p) < at {
			return args, 0, at + (left-1)*leastArg, err
		}
		args = append(args, p[from:from+size])
	}
	return args, at, 0, err
}

// cut reads the line at p[at:] without its end. next is 0 if that is missing.
func cut(p []byte, at int) (line []byte, next int, err error) {
	i := bytes.IndexByte(p[at:min(len(p), at+longestLine)], '\n')
	if i >= 0 {
		return bytes.TrimSuffix(p[at:at+i], []byte("\r")), at + i + 1, nil
	} else if len(p)-at >= longestLine {
		err = errors.New("too big inline request or count string")
	}
	return nil, 0, err
}

func length(line []byte, mark byte, most int, what string) (int, error) {
	if len(line) == 0 || line[0] != mark {
		return 0, fmt.Errorf("expected '%c', got %.1q", mark, line)
	}
	n, err := strconv.Atoi(string(line[1:]))
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("invalid %s length", what)
	}
	return n, nil
}

type store struct {
	lp   *loop.Loop
	keys map[string]entry
}

type entry struct {
	value []byte      // never changed, only replaced, because it may be on its way to a client
	due   poller.Time // when it expires, or poller.Never
}

// sweep drops some of the keys that have expired, because nobody may ask for them again.
func (s *store) sweep() {
	left := 100
	for key := range s.keys { // which begins anywhere
		s.find([]byte(key))
		if left--; left == 0 {
			return
		}
	}
}

// find has no value for a key that is not there, or has expired.
func (s *store) find(key []byte) entry {
	e, found := s.keys[string(key)]
	if found && e.due <= s.lp.Now() {
		delete(s.keys, string(key))
		return entry{}
	}
	return e
}

// do answers with a line, and with a value behind that if it is not nil.
func (s *store) do(args [][]byte) (line string, value []byte) {
	n := len(args) - 1
	e := s.find(args[min(n, 1)]) // of the key, where there is one
	switch name := strings.ToUpper(string(args[0])); {
	case name == "PING" && n == 0:
		return "+PONG", nil
	case (name == "PING" || name == "ECHO") && n == 1:
		return "$" + strconv.Itoa(len(args[1])), bytes.Clone(args[1])
	case name == "GET" && n == 1 && e.value == nil:
		return "$-1", nil
	case name == "GET" && n == 1:
		return "$" + strconv.Itoa(len(e.value)), e.value
	case name == "SET" && n >= 2:
		return s.set(args, e), nil
	case name == "DEL" && n >= 1:
		n = 0
		for _, key := range args[1:] {
			if s.find(key).value != nil {
				delete(s.keys, string(key))
				n++
			}
		}
		return ":" + strconv.Itoa(n), nil
	case name == "INCR" && n == 1:
		if e.value == nil {
			e = entry{[]byte("0"), poller.Never}
		}
		before, ok := number(e.value, 1)
		if !ok || before == math.MaxInt64 {
			return badNumber, nil
		}
		e.value = strconv.AppendInt(nil, int64(before)+1, 10)
		s.keys[string(args[1])] = e
		return ":" + string(e.value), nil
	case name == "EXPIRE" && n == 2 && e.value == nil:
		return ":0", nil
	case name == "EXPIRE" && n == 2:
		ttl, ok := number(args[2], time.Second)
		if !ok {
			return badNumber, nil
		}
		s.keys[string(args[1])] = entry{e.value, s.lp.Now().Add(ttl)}
		return ":1", nil
	case name == "TTL" && n == 1 && e.value == nil:
		return ":-2", nil
	case name == "TTL" && n == 1 && e.due == poller.Never:
		return ":-1", nil
	case name == "TTL" && n == 1:
		return fmt.Sprint(":", int64((e.due.Sub(s.lp.Now())+time.Second/2)/time.Second)), nil
	case name == "CONFIG" && n == 2: // GET of whatever, which is empty
		return "*2\r\n$0\r\n\r\n$0\r\n", nil
	case name == "HELLO":
		return "-NOPROTO unsupported protocol version", nil
	case name == "INFO":
		return "$21\r\nredis_version:7.0.0\r\n", nil
	case name == "COMMAND":
		return "*0", nil
	}
	return fmt.Sprintf("-ERR unknown command %.64q with %d arguments", args[0], n), nil
}

func (s *store) set(args [][]byte, e entry) string {
	due, stays := poller.Never, false
	for o := args[3:]; len(o) > 0; o = o[1:] {
		option := strings.ToUpper(string(o[0]))
		switch unit := map[string]time.Duration{"EX": time.Second, "PX": time.Millisecond}[option]; {
		case unit > 0 && len(o) > 1:
			ttl, ok := number(o[1], unit)
			if !ok || ttl <= 0 {
				return badNumber
			}
			due, o = s.lp.Now().Add(ttl), o[1:]
		case option == "NX" || option == "XX":
			stays = stays || (option == "NX") == (e.value != nil)
		default:
			return "-ERR syntax error"
		}
	}
	if stays {
		return "$-1"
	}
	s.keys[string(args[1])] = entry{bytes.Clone(args[2]), due}
	return "+OK"
}

// number reads what Redis takes for a number, in a unit.
func number(p []byte, unit time.Duration) (d time.Duration, ok bool) {
	n, err := strconv.ParseInt(string(p), 10, 64)
	d = time.Duration(n) * unit
	return d, err == nil && d/unit == time.Duration(n) && strconv.FormatInt(n, 10) == string(p)
}
