//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/pike/signal"
)

// watch answers the signals that ask for something but the end.
func (s *server) watch() (*signal.Watcher, error) {
	return signal.Notify(s.lp, func(sig os.Signal) {
		switch sig {
		case syscall.SIGHUP:
			s.reloads++
			fmt.Println("reload", s.reloads)
		case syscall.SIGUSR1:
			fmt.Printf("up %v, %d reloads\n", time.Since(s.began).Round(time.Second), s.reloads)
		}
	}, syscall.SIGHUP, syscall.SIGUSR1)
}
