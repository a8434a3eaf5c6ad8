//go:build race

package tlslayer_test

const raceDetector = true
