// Pike does the work of the bench on pike, but for echoes, which are by examples/echo.
package main

import (
	"fmt"
	"os"
	"strconv"

	"example.com/pike/bench/peers/work"
	"example.com/pike/loop"
	"example.com/pike/stream/layer"
)

var kinds = map[string]func(*loop.Loop, []string) error{
	"echo":         serve(echo, nil),
	"echo-layered": serve(echo, layer.Identity{}),
	"sink":         serve(sink, nil),
	"pump":         serve(pump, nil),
	"pump-buffers": serve(pumpBuffers, nil),
	"burst":        serve(burst, nil),
	"broadcast":    serve(broadcast, nil),
	"udp-send":     answerAsks,
	"udp-receive":  acknowledge,
	"udp-pummel":   pummel,
	"timers":       timers,
	"timeouts":     timeouts,
	"timers-at":    timersAt,
	"post":         post,
	"trip":         trip,
}

func main() {
	if len(os.Args) < 2 || kinds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: pike WORK [arguments]")
		os.Exit(2)
	}
	lp, err := loop.New(loop.Options{})
	if err == nil {
		err = kinds[os.Args[1]](lp, os.Args[2:])
	}
	if err == nil {
		err = lp.Run()
	}
	if err != nil {
		work.Fail(err)
	}
}

// number is the argument at i, or 0.
func number(args []string, i int) int {
	if i >= len(args) {
		return 0
	}
	n, err := strconv.Atoi(args[i])
	if err != nil {
		work.Fail(err)
	}
	return n
}
