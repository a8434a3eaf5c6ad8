//go:build race

package main

// The race detector makes worlds ten times slower.
const heavyWorlds = 20
