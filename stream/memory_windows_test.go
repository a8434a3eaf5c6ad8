package stream_test

// idleConnBytes bounds what an idle connection takes of the heap: 80 bytes more
// than elsewhere, as one has an operation with the system.
const idleConnBytes = 340
