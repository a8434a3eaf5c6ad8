// Package sim is a network in memory that replays from a seed: a backend of
// package poller on which any program that uses pike runs unchanged, in an
// ordinary test, with a clock that jumps and a network that misbehaves.
//
// A [World] has hosts, links between them, and a clock. A [Host] is a
// [poller.Poller]: give it to loop.New, and tcp, udp, timer and signal work on it as on
// the real system. World.Go gives each host a program, World.Run runs them:
//
//	func TestEcho(t *testing.T) {
//		sim.Explore(t, 1000, sim.Config{Faults: sim.Heavy()}, func(w *sim.World) error {
//			w.Daemon(w.Host("srv"), func(h *sim.Host) error { return loop.RunOn(h, serve) })
//			w.Go(w.Host("cli"), func(h *sim.Host) error { return loop.RunOn(h, greet) })
//			return w.Run()
//		})
//	}
//
// where serve and greet, of type func(lp *loop.Loop) error, open a listener and a
// connection as they would anywhere.
//
// This runs a thousand worlds over all cores. What the program and its Config
// leave open the seed decides: how long everything takes, the order in which
// sockets that are ready at once are told, where reads and writes are cut, and
// which faults strike when. Nothing else does, so a seed that fails fails again,
// on any machine: [Explore] prints the command, after it has left out of the world
// what it does not take for the failure. [Test] runs one world; [Search] is Explore
// for programs.
//
// # Time
//
// Code costs no time and waiting takes none: when every program waits in Poll,
// the clock jumps to what happens next. A Poll takes a microsecond at least, so that
// a program which polls without waiting sees time pass. A world in which nothing
// can happen any more, although a program waits, ends with [ErrDeadlock] and
// an account of who waits for what; one that goes on for ever ends with
// [ErrLimit], at Config.Limit or Config.Steps.
//
// Programs are coroutines. One runs until it waits in Poll, then another does; no
// two run at once, so they may share variables, and so may the test. Code that is to
// be deterministic takes the time from its loop, random numbers from World.Rand,
// and nothing from the order of a map, from a second goroutine or a context that
// ends by real time. Explore runs some worlds twice and compares [World.Hash] to
// see whether that is kept.
//
// A host without a program can be polled by an ordinary test directly, without
// coroutines: its Poll runs the world as far as it has to.
//
// # Faults
//
// [Faults] gives each [Fault] a probability; [None], [Light] and [Heavy] are such
// tables. A [Rule] makes one strike where the test says: the third connection
// after a KiB, a partition at ten seconds. [World.Hits] counts what has struck.
// World.Cut, Heal and CutFor part hosts, Host.Crash and Kill end them, Host.Signal
// sends signals, all best called from [World.At].
//
// Memory that an upcall was given is overwritten when it returns, and buffers
// given to a Send must not change before Sent: whoever keeps the one or touches
// the other fails here, where a real system would let it pass most of the time.
//
// # Replaying
//
// Test and Explore obey PIKE_SEED, which replays one world (the command they print
// sets it), PIKE_SEEDS, which says which worlds Explore is to run ("5000",
// "70000:5000" for those from 70000 on, or "70000:" for as many as it would), and PIKE_TRACE, the name of a
// file for the story of the world that PIKE_SEED replays:
//
//	12.004ms srv: accepted 10.0.0.2:40001
//
// # What is modelled
//
// Streams are TCP as sockets see it, not packet by packet: bytes arrive once and in order,
// later where the network is bad, no faster than the link and no further ahead of the
// reader than its buffer allows; half-close, reset, TIME_WAIT, the backlog, keep-alive, the
// time-outs of connecting and of retransmission are those of Linux. Datagrams get
// lost, doubled, overtaken, are refused by ICMP, reach groups and everybody. Options are
// checked and remembered. Not modelled: congestion, routing, the time that computing
// takes, disks, and descriptors (Watch, adopting sockets and giving them back).
package sim
