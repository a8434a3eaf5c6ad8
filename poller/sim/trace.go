package sim

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"strings"

	"example.com/pike/poller"
)

// A verb is what a record of the trace says.
type verb uint8

// The verbs: of hosts, calls, upcalls, and the rest. Their numbers are hashed.
const (
	vBegin verb = iota + 1
	vReturn
	vKilled
	vOff
	vOn
	vCut
	vHeal
	vFault
	vPoll

	vListen
	vDial
	vBind
	vStart
	vStop
	vStartOn
	vStopOn
	vSend
	vTrySend
	vShutdown
	vClose
	vReset
	vConnect
	vJoin
	vLeave
	vSendPackets
	vOption
	vSubmit
	vLookup

	vConnected
	vAccepted
	vFailed
	vReceived
	vEnded
	vSent
	vClosed
	vReceivedPackets
	vPacketError
	vSentPackets
	vSignal
	vJob
	vOverflow

	vShutLater
	vUnlink
	vLink
	vCutOneWay
	vHealOneWay
	vResumed
	vJobWaits
	vPaused
	vAct
	vActEnds
	vSlow
	vNote
	vViolation
	vClock
	vDetached
	vAttached
)

// tales are how the trace tells each verb: %a is an address, %n a number. A
// verb that is not here is hashed and not told.
var tales = [...]string{
	vBegin:  "begins",
	vReturn: "returns",
	vKilled: "is killed",
	vOff:    "loses power",
	vOn:     "starts up",
	vCut:    "is cut off from %a",
	vHeal:   "reaches %a again",
	vFault:  "! %f %a",

	vListen:      "listens on %a",
	vDial:        "dials %a",
	vBind:        "binds %a",
	vStart:       "starts receiving from %a",
	vStop:        "stops receiving from %a",
	vStartOn:     "starts on %a",
	vStopOn:      "stops on %a",
	vSend:        "sends %n bytes to %a",
	vTrySend:     "sends %n bytes to %a at once",
	vShutdown:    "ends its side to %a",
	vClose:       "closes %a",
	vReset:       "resets %a",
	vConnect:     "connects datagrams to %a",
	vJoin:        "joins %a",
	vLeave:       "leaves %a",
	vSendPackets: "sends %n datagrams from %a",
	vSubmit:      "submits job %n",
	vLookup:      "looks up %a: %n addresses",

	vConnected:       "connected to %a",
	vAccepted:        "accepted %a",
	vFailed:          "failed to accept on %a",
	vReceived:        "received %n bytes from %a",
	vEnded:           "received the end from %a",
	vSent:            "sent all to %a",
	vClosed:          "closed %a",
	vReceivedPackets: "received %n datagrams on %a",
	vPacketError:     "received an error on %a",
	vSentPackets:     "sent %n datagrams from %a",
	vSignal:          "received signal %a",
	vJob:             "finished job %n",
	vOverflow:        "has no room for a datagram of %n bytes on %a",

	vShutLater:  "will end its side to %a after what it sends",
	vUnlink:     "removes %a",
	vLink:       "has another link to %a",
	vCutOneWay:  "sends to %a in vain",
	vHealOneWay: "gets through to %a again",
	vResumed:    "goes on after a pause",
	vJobWaits:   "lets job %n wait",
	vPaused:     "is paused %a",
	vAct:        "%a",
	vActEnds:    "%a",
	vSlow:       "%a",
	vNote:       "%a",
	vViolation:  "%a",
	vClock:      "has a clock that is wrong %a",
	vDetached:   "hands %a on",
	vAttached:   "takes %a over",
}

// trace is the hash of everything that has happened, and where to tell it.
type trace struct {
	hash    uint64
	records uint64
	out     io.Writer
	diagram *diagram // drawn beside what is told; may be nil
	nth     int      // of a fault that strikes by chance, which is told; 0: by a rule
}

// The hash is FNV-1a taken a word at a time. A shift brings the upper bits of a word
// to the lower bits of the hash. The hash has to tell one history from another, and need not
// withstand an attack.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func mix(h, word uint64) uint64 {
	h = (h ^ word) * fnvPrime
	return h ^ h>>29
}

func mixBytes(h uint64, p []byte) uint64 {
	for ; len(p) >= 8; p = p[8:] {
		h = mix(h, binary.LittleEndian.Uint64(p))
	}
	for _, c := range p {
		h = mix(h, uint64(c))
	}
	return h
}

// hashSent has the hash cover what a Send was given, by its checksum. It counts whether or
// not anybody receives it. Of what is received the length is enough, because it is what was
// sent.
func (w *World) hashSent(check uint64) {
	if !w.cfg.OpaqueData {
		w.trace.hash = mix(w.trace.hash, check)
	}
}

// mixAddr covers all of an address but its zone.
func mixAddr(h uint64, a *poller.Addr) uint64 {
	switch {
	case a.Path != "":
		return mixBytes(h, []byte(a.Path))
	case !a.IsValid():
		return mix(h, 0)
	}
	ip := a.Addr().As16()
	return mix(mixBytes(h, ip[:]), uint64(a.Port()))
}

// note records what h does or what happens to it. The address a may be nil. It is told
// and not hashed, because id stands for it.
func (h *Host) note(v verb, id uint32, a *poller.Addr, n int64, e errno) {
	h.record(v, id, n, e)
	if t := &h.w.trace; t.out != nil {
		t.tell(h.w.now, h.name, v, a, n, e)
	}
}

// record is note, but does not tell.
func (h *Host) record(v verb, id uint32, n int64, e errno) {
	t := &h.w.trace
	x := mix(t.hash, uint64(h.w.now))
	x = mix(x, uint64(v)|uint64(e)<<8|uint64(h.id)<<16|uint64(id)<<32)
	t.hash = mix(x, uint64(n))
	t.records++
}

// A blow is a fault that has struck. The trace tells of it when it is known how long the
// fault lasts.
type blow struct {
	h    *Host
	addr poller.Addr
	nth  int
}

func (w *World) tellBlow(f Fault, span poller.Time) {
	t, b := &w.trace, &w.blow
	if t.out == nil || b.h == nil {
		return
	}
	to, _ := label("for " + clock(span))
	if b.addr != (poller.Addr{}) {
		to.Path = b.addr.String() + " " + to.Path
	}
	t.nth = b.nth
	t.tell(w.now, b.h.name, vFault, to, int64(f), eOK)
	b.h = nil
}

// noteAt is note for what names an address that no id stands for yet: it is hashed,
// too.
func (h *Host) noteAt(v verb, id uint32, a *poller.Addr, n uint64, e errno) {
	h.note(v, id, a, int64(mixAddr(mix(fnvOffset, n), a)), e)
}

func (t *trace) tell(now poller.Time, host string, v verb, a *poller.Addr, n int64, e errno) {
	if int(v) >= len(tales) || tales[v] == "" {
		return
	}
	var addr, why string
	if a != nil {
		addr = a.String()
	}
	if e != eOK {
		why = ": " + e.String()
	}
	if v == vFault && t.nth > 0 {
		why, t.nth = fmt.Sprintf(" #%d", t.nth), 0
	}
	text := strings.NewReplacer("%f", Fault(n).String(), "%n", strconv.FormatInt(n, 10), "%a", addr).Replace(tales[v])
	text = strings.TrimRight(text, " ") + why
	fmt.Fprintf(t.out, "%s %s: %s\n", clock(now), host, text)
	if t.diagram != nil {
		t.diagram.add(now, host, v, a, n, e != eOK, text)
	}
}

// worldName is who the trace says does what no host does.
const worldName = "world"

// label is a name in the place of an address, and its hash.
func label(name string) (*poller.Addr, int64) {
	return &poller.Addr{Path: name}, int64(mixBytes(fnvOffset, []byte(name)) >> 1)
}

// clock is a time as the trace and the reports show it.
func clock(t poller.Time) string {
	return fmt.Sprintf("%d.%03dms", t/millisecond, t%millisecond/microsecond)
}

// sum is the checksum by which a buffer that changes in flight is noticed.
func sum(bufs [][]byte) uint64 {
	h := uint64(fnvOffset)
	for _, b := range bufs {
		h = mixBytes(mix(h, uint64(len(b))), b)
	}
	return bits.RotateLeft64(h, 1)
}
