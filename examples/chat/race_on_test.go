//go:build race

package main

// slowdown is what the race detector costs, and the checks that the loop makes in such builds.
const slowdown = 5
