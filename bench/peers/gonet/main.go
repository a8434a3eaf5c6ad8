// Gonet does the work of the bench as most Go programs would: package net, a goroutine and a buffer for each connection,
// and bufio where writes are small.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net"
	"os"

	"example.com/pike/bench/peers/work"
)

var (
	listen = flag.String("listen", "127.0.0.1:0", "`address` to listen on")
	size   = flag.Int("buffer", 4096, "`bytes` of buffer for each connection")
	frame  = flag.Int("frame", 0, "answer each so many `bytes` by a write of their own")
	root   = flag.String("root", "", "`folder` of the files of http")
	cert   = flag.String("tls-cert", "", "`file` of the certificate of tls-echo; without one it is made")
	key    = flag.String("tls-key", "", "`file` of its key")
)

var streams = map[string]func(net.Conn){
	"echo":        echo,
	"tls-echo":    echo,
	"echo-frames": echoFrames,
	"echo-bufio":  echoBuffered,
	"sink":        sink,
	"pump":        pump,
	"burst":       burst,
	"burst-bufio": burstBuffered,
	"broadcast":   broadcast,
}

var packets = map[string]func(*net.UDPConn){
	"udp-send":    answerAsks,
	"udp-receive": acknowledge,
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: gonet WORK [flags]")
	}
	kind := os.Args[1]
	flag.CommandLine.Parse(os.Args[2:])
	switch stream, packet := streams[kind], packets[kind]; {
	case kind == "http":
		serveFiles()
	case stream != nil:
		serveStreams(kind, stream)
	case packet != nil:
		servePackets(packet)
	default:
		log.Fatalf("gonet: no work is named %q", kind)
	}
}

func serveStreams(kind string, serve func(net.Conn)) {
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	if kind == "tls-echo" {
		cfg, err := work.Config(*cert, *key)
		if err != nil {
			log.Fatal(err)
		}
		ln = tls.NewListener(ln, cfg)
	}
	work.Announce("tcp", ln.Addr())
	for {
		conn, err := ln.Accept()
		if err != nil {
			log.Fatal(err)
		}
		if kind == "broadcast" {
			join(conn) // before the next is accepted, because a message goes only to those that are there
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

func servePackets(serve func(*net.UDPConn)) {
	addr, err := net.ResolveUDPAddr("udp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	c, err := net.ListenUDP("udp", addr)
	if err != nil {
		log.Fatal(err)
	}
	work.WidenConn(c)
	work.Announce("udp", c.LocalAddr())
	serve(c)
}
