//go:build !race && !pikedebug && !kqfake

package netconn_test

const costly = false
