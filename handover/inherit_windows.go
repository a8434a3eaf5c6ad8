package handover

// inherit finds nothing: see Start.
func inherit([]string, int) (*Given, error) { return new(Given), nil }
