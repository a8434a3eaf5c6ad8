//go:build !unix

package main

import "example.com/pike/signal"

// watch has nothing to answer: this system has no signals but the end.
func (s *server) watch() (*signal.Watcher, error) { return nil, nil }
