package main

import (
	"testing"
)

func TestUneven(t *testing.T) {
	for said, want := range map[string]float64{
		"loop 0: tcp: 60 connections, 9 bytes\nloop 1: tcp: 40 connections, 9 bytes\ntcp: 100 connections, 18 bytes": 20,
		"tcp: 100 connections, 18 bytes": 0,
	} {
		if got, err := uneven(said); err != nil || !near(got, want) {
			t.Errorf("%q: %v, %v", said, got, err)
		}
	}
	if _, err := uneven("killed"); err == nil {
		t.Error("silence was taken for evenness")
	}
}
