package handover

import (
	"errors"
	"os"
	"testing"
)

// What is of another process is no error, and what makes no sense is one. Neither takes anything.
func TestTakeNothing(t *testing.T) {
	const pid, parent = 4711, 4242
	for name, c := range map[string]struct {
		env map[string]string
		err error
	}{
		"nothing":                   {nil, nil},
		"of a parent":               {map[string]string{listenPID: "4242", listenFDs: "1"}, nil},
		"of nobody":                 {map[string]string{listenFDs: "1"}, nil},
		"no number of descriptors":  {map[string]string{listenPID: "4711"}, nil},
		"none":                      {map[string]string{listenPID: "4711", listenFDs: "0"}, nil},
		"a process that is none":    {map[string]string{listenPID: "self", listenFDs: "1"}, os.ErrInvalid},
		"a negative process":        {map[string]string{listenPID: "-1", listenFDs: "1"}, os.ErrInvalid},
		"a number that is none":     {map[string]string{listenPID: "4711", listenFDs: "one"}, os.ErrInvalid},
		"a negative number":         {map[string]string{listenPID: "4711", listenFDs: "-1"}, os.ErrInvalid},
		"too many":                  {map[string]string{listenPID: "4711", listenFDs: "2147483648"}, os.ErrInvalid},
		"more names":                {map[string]string{listenPID: "4711", listenFDs: "1", listenNames: "a:b"}, os.ErrInvalid},
		"fewer names":               {map[string]string{listenPID: "4711", listenFDs: "2", listenNames: "a"}, os.ErrInvalid},
		"of a grandparent of ours":  {map[string]string{handedOver: "1:4", listenFDs: "1"}, nil},
		"ours, without a pipe":      {map[string]string{handedOver: "4242", listenFDs: "1"}, os.ErrInvalid},
		"ours, with a standard one": {map[string]string{handedOver: "4242:1", listenFDs: "1"}, os.ErrInvalid},
		"ours, without a number":    {map[string]string{handedOver: "4242:3"}, os.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := take(c.env, pid, parent)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if err == nil && (len(g.Files()) > 0 || g.ready != nil) {
				t.Errorf("it took %v, %v", g.Files(), g.ready)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"http": true, "a b": true, string(make([]byte, 255)): false, "": false, "a:b": false, "a\n": false, "ä": false, "\x7f": false,
	} {
		if isName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
