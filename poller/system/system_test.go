package system_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/pike/poller/system"
)

func TestOpen(t *testing.T) {
	names := system.Backends()
	if len(names) == 0 {
		if _, err := system.Open(""); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Open on a system without a backend: %v", err)
		}
		t.Skip("this system has no backend")
	}
	for _, c := range []struct {
		name, env string
		ok        bool
	}{
		{"", "", true},
		{names[0], "", true},
		{"", names[0], true},
		{names[0], "none", true}, // the caller's word comes first
		{"none", "", false},
		{"none", names[0], false},
		{"", "none", false},
	} {
		t.Setenv(system.EnvBackend, c.env)
		p, err := system.Open(c.name)
		if (err == nil) != c.ok {
			t.Errorf("Open(%q) with %s=%q: %v", c.name, system.EnvBackend, c.env, err)
		}
		if err == nil {
			p.Close()
			continue
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v is not errors.ErrUnsupported", err)
		}
		for _, name := range append(names, "none") {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name %q", err, name)
			}
		}
	}
}
