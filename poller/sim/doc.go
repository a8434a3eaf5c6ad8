// Package sim is a network in memory that replays from a seed. It is a backend of
// package poller. Any program that uses pike runs on it unchanged, in an ordinary
// test, with a clock that jumps and a network that misbehaves.
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
// This runs a thousand worlds over all cores. The seed decides what the program and
// its Config leave open: how long everything takes, in which order sockets that are
// ready at once are told, where reads and writes are cut, and which faults strike when.
// Nothing else decides, so a seed that fails fails again, on any machine. [Explore]
// takes away from the world what the failure does not need, and prints the command
// that replays the rest. [Test] runs one world. [Search] is Explore for programs.
//
// # Time
//
// Code takes no time in a world. When every program waits in Poll, the clock jumps
// to what happens next. A Poll takes at least a microsecond, so that a program that
// polls without waiting sees time pass. A world ends with [ErrDeadlock] if a program
// waits and nothing can happen any more. The error tells who waits for what. A world
// that goes on for ever ends with [ErrLimit], at Config.Limit or Config.Steps.
//
// Programs are coroutines. One runs until it waits in Poll, and then another runs. No
// two run at once, so they may share variables, and so may the test. Code that is to
// be deterministic takes the time from its loop and random numbers from World.Rand. It
// takes nothing from the order of a map, from a second goroutine, or from a context that
// ends by real time. Explore runs some worlds twice and compares [World.Hash], to
// see whether the code is deterministic. [Twice] does that for a world that Test or Once runs. Host.SetClock
// has the clock of a machine go wrong.
//
// A host whose program runs a group of loops (loop.NewGroup, with the host as the Poller) has a thread for each
// loop but the first. Each is a poller and a coroutine of its own. Threads share the addresses, the descriptors, the
// workers and the signals of their process, and end with it. Reports name them host#1, host#2 and so on.
//
// An ordinary test can poll a host without a program directly, without coroutines. The
// Poll runs the world as far as it has to.
//
// # Faults
//
// [Faults] gives each [Fault] a probability; [None], [Light] and [Heavy] are such
// tables. A [Rule] makes one strike where the test says: the third connection
// after a KiB, a partition at ten seconds. [World.Hits] counts what has struck.
// World.Cut, Heal and CutFor part hosts. Host.Crash and Kill end them, Host.Pause stops them for a while, and
// Host.Signal sends signals. A test calls all of these best from [World.At].
//
// An [Act] is done again and again: a partition, a crash, a slow link. World.Nemesis begins some, of which the
// package has ready-made ones such as [Halves] and [Crashes]. World.SetFaults changes the faults of a world that runs,
// and World.Calm ends all that goes wrong, so that a test can ask whether everybody gets done after that.
//
// # What must hold
//
// World.Always has a check called whenever code has run, and ends the world where it fails. World.Sometimes
// says that a world got where a test wants to look, and Explore fails if none did. World.Errorf fails at once.
//
// Memory that an upcall was given is overwritten when the upcall returns. Buffers that
// were given to a Send must not change before Sent. A program that breaks one of these
// rules fails here. On a real system it would mostly go unnoticed.
//
// # Replaying
//
// Test and Explore obey three variables of the environment. PIKE_SEED replays one
// world; the command that they print sets it. PIKE_SEEDS says which worlds Explore runs:
// "5000" is how many, "70000:5000" are those from 70000 on, and "70000:" are as many as
// without it, from 70000 on. PIKE_TRACE names a file for the story of the world that
// PIKE_SEED replays:
//
//	12.004ms srv: accepted 10.0.0.2:40001
//
// The name of a file that ends in .svg or .txt makes that a sequence diagram. Host.Notef adds to the story what a
// program means, and Config.Decode what its messages mean.
//
// Each time that a fault strikes by chance has a number, and so has each time that an act is done: "! drop
// 10.0.0.1:7000 #17" in the trace is drop#17. What Explore prints leaves out those that the failure does not need.
// PIKE_SEED='14 -crash#3' leaves out the third crash of seed 14, and '14 drop#2,5' all drops but two.
//
// # What is modelled
//
// Streams are TCP as sockets see it, not packet by packet. Bytes arrive once and in order.
// They arrive later where the network is bad. They come no faster than the link, and no further
// ahead of the reader than its buffer allows. Half-close, reset, TIME_WAIT, the backlog,
// keep-alive and the timeouts of connecting and of retransmission are those of Linux. Datagrams
// get lost, doubled and overtaken. ICMP refuses them, and they reach groups and broadcast
// addresses. Options are checked and remembered.
//
// Congestion is not modelled, nor are routing, the time that computing takes, disks, and
// descriptors (Watch, adopting sockets and giving them back).
package sim
