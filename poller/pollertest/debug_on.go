//go:build race || pikedebug

package pollertest

const debug = true
