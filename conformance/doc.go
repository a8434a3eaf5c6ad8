// Package conformance holds what users of libuv rely on, a sub-test for each
// behaviour: TestConformance/S26_reset_is_not_EOF/epoll. The ids and behaviours
// are read off libuv's own test suite; each test is written once and runs on
// every backend that the machine has, the simulator included. Where pike chooses
// differently on purpose, the test asserts pike's choice and docs/decisions.md
// says why.
package conformance
