package server

// tellsAcknowledged is whether the system tells what a peer has acknowledged, so that a connection may be closed when
// that is everything.
const tellsAcknowledged = false
