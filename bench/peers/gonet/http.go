package main

import (
	"log"
	"net"
	"net/http"

	"example.com/pike/bench/peers/work"
)

// serveFiles is package http's own file server.
func serveFiles() {
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	work.Announce("tcp", ln.Addr())
	log.Fatal(http.Serve(ln, http.FileServer(http.Dir(*root))))
}
