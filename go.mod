module example.com/pike

go 1.26.0

require (
	github.com/gobwas/ws v1.5.0
	github.com/panjf2000/ants/v2 v2.12.1
	go.uber.org/goleak v1.3.0
	go.uber.org/zap v1.28.0
	go.uber.org/zap/exp v0.3.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	golang.org/x/sync v0.11.0 // indirect
)
