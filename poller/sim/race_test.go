//go:build race

package sim_test

// raceBuild has tests do with fewer worlds: the detector makes each ten times
// as slow, and what it looks for is the same in all.
const raceBuild = true
