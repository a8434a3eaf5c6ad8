// Gonet is a TCP echo server as most Go programs write one: package net, a goroutine and a buffer for each
// connection.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
)

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:0", "`address` to listen on")
	size := flag.Int("buffer", 4096, "`bytes` of buffer for each connection")
	flag.Parse()

	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening tcp", ln.Addr())
	for {
		conn, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go echo(conn, *size)
	}
}

func echo(conn net.Conn, size int) {
	defer conn.Close()
	p := make([]byte, size)
	for {
		n, err := conn.Read(p)
		if err != nil {
			return
		}
		if _, err := conn.Write(p[:n]); err != nil {
			return
		}
	}
}
