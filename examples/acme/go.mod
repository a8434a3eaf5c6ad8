module example.com/pike/examples/acme

go 1.26.0

require (
	example.com/pike v0.0.0
	golang.org/x/crypto v0.59.0
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)

replace example.com/pike => ../../
