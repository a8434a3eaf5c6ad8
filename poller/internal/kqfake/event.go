//go:build linux

package kqfake

// An Event is struct kevent as FreeBSD has it, without ext.
type Event struct {
	Ident  uint64
	Filter int16
	Flags  uint16
	Fflags uint32
	Data   int64
	Udata  *byte
}

// The names and values are those of FreeBSD.
const (
	EVFILT_READ   = -1
	EVFILT_WRITE  = -2
	EVFILT_VNODE  = -4
	EVFILT_PROC   = -5
	EVFILT_SIGNAL = -6
	EVFILT_TIMER  = -7
	EVFILT_USER   = -11

	EV_ADD      = 0x1
	EV_DELETE   = 0x2
	EV_ENABLE   = 0x4
	EV_DISABLE  = 0x8
	EV_ONESHOT  = 0x10
	EV_CLEAR    = 0x20
	EV_RECEIPT  = 0x40
	EV_DISPATCH = 0x80
	EV_ERROR    = 0x4000
	EV_EOF      = 0x8000

	NOTE_LOWAT = 0x1

	NOTE_SECONDS  = 0x1
	NOTE_MSECONDS = 0x2
	NOTE_USECONDS = 0x4
	NOTE_NSECONDS = 0x8

	NOTE_TRIGGER    = 0x01000000
	NOTE_FFNOP      = 0x00000000
	NOTE_FFAND      = 0x40000000
	NOTE_FFOR       = 0x80000000
	NOTE_FFCOPY     = 0xc0000000
	NOTE_FFCTRLMASK = 0xc0000000
	NOTE_FFLAGSMASK = 0x00ffffff

	NOTE_DELETE = 0x1
	NOTE_WRITE  = 0x2
	NOTE_EXTEND = 0x4
	NOTE_ATTRIB = 0x8
	NOTE_LINK   = 0x10
	NOTE_RENAME = 0x20
	NOTE_EXIT   = 0x80000000
)

// SetKevent fills in what every event has.
func SetKevent(k *Event, ident, filter, flags int) {
	k.Ident, k.Filter, k.Flags = uint64(ident), int16(filter), uint16(flags)
}
