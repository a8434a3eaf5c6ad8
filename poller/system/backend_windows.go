package system

import "example.com/pike/poller/internal/iocp"

var backends = []backend{{iocp.Name, iocp.New}}
