//go:build !kqfake

package poller

var backends = []backend{{"epoll", NewEpoll}}
