package poller

var backends = []backend{{"epoll", NewEpoll}}
