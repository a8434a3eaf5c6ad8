package poller

var backends = []backend{{"iocp", NewIOCP}}
