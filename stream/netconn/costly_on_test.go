//go:build race || pikedebug || kqfake

package netconn_test

// costly builds allocate for themselves.
const costly = true
