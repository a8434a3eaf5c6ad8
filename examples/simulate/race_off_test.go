//go:build !race

package main

const heavyWorlds = 100
