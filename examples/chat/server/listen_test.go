package server

import (
	"testing"
)

func TestListenErrors(t *testing.T) {
	h := newHall(t, Options{})
	if _, err := Listen(h.lp, h.srv.Addr().String(), Options{}); err == nil {
		t.Error("the address was taken twice")
	}
	if _, err := Listen(h.lp, "nonsense", Options{}); err == nil {
		t.Error("nonsense was listened on")
	}
}
