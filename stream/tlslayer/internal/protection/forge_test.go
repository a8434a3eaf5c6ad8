package protection

import (
	"bytes"
	"encoding/binary"
)

// A forger makes records of a client, right ones and wrong ones.
type forger struct {
	half
	stream []byte
	starts []int // of records in stream
}

func (f *forger) put(rec []byte) {
	f.starts = append(f.starts, len(f.stream))
	f.stream = append(f.stream, rec...)
}

// record is a right one with data, and padding behind its type.
func (f *forger) record(kind byte, data []byte, padding int) {
	f.inner(append(append(bytes.Clone(data), kind), make([]byte, padding)...))
}

// inner seals what is inside as it is.
func (f *forger) inner(inner []byte) {
	f.put(f.seal(append(make([]byte, HeaderLen, HeaderLen+len(inner)+tagLen), inner...)))
}

// typed is sealed rightly, and says outside that it is of another type or version.
func (f *forger) typed(kind byte, version uint16, inner []byte) {
	n := len(inner) + tagLen
	header := []byte{kind, byte(version >> 8), byte(version), byte(n >> 8), byte(n)}
	f.mask()
	rec := f.aead.Seal(header, f.iv[:], inner, bytes.Clone(header))
	f.mask()
	f.seq++
	f.put(rec)
}

// plain is not sealed.
func (f *forger) plain(kind byte, data []byte) {
	f.put(append([]byte{kind, 3, 3, byte(len(data) >> 8), byte(len(data))}, data...))
}

// keyUpdate is whole, and the key changes.
func (f *forger) keyUpdate(ask byte) {
	f.record(handshakeType, []byte{updateMsg, 0, 0, 1, ask}, 0)
	f.update()
}

// last is the last record that was put.
func (f *forger) last() []byte {
	if len(f.starts) == 0 {
		return nil
	}
	return f.stream[f.starts[len(f.starts)-1]:]
}

// pattern is n bytes that tell where they are from.
func pattern(n int) []byte {
	p := make([]byte, 0, n+8)
	for i := 0; len(p) < n; i += 8 {
		p = binary.LittleEndian.AppendUint64(p, uint64(i)*0x9e3779b97f4a7c15)
	}
	return p[:n]
}

// script has f make records as program says, and returns the stream.
func (f *forger) script(program []byte) []byte {
	next := func() int {
		if len(program) == 0 {
			return 0
		}
		b := program[0]
		program = program[1:]
		return int(b)
	}
	for acts := 0; len(program) > 0 && acts < 64; acts++ {
		switch next() % 24 {
		case 0:
			f.record(dataType, pattern(1+next()), 0)
		case 1:
			f.record(dataType, pattern(1+next()*64), next())
		case 2:
			f.record(dataType, nil, next()%4)
		case 3:
			f.inner(make([]byte, next()%3)) // padding and no type
		case 4:
			f.keyUpdate(byte(next() % 2))
		case 5:
			msg := []byte{updateMsg, 0, 0, 1, byte(next() % 3)}
			at := 1 + next()%4
			f.record(handshakeType, msg[:at], next()%2)
			f.record(handshakeType, msg[at:], 0)
			f.update()
		case 6:
			f.record(handshakeType, append([]byte{updateMsg, 0, 0, 1, byte(next() % 2)}, pattern(1+next()%8)...), 0)
			f.update()
		case 7:
			f.record(alertType, []byte{byte(next() % 4), byte(next())}, 0)
		case 8:
			f.record(alertType, pattern(next()%5), 0)
		case 9:
			f.plain(changeType, []byte{1})
		case 10:
			f.plain(changeType, pattern(next()%4))
		case 11:
			f.record(changeType, []byte{byte(next() % 3)}, 0)
		case 12:
			f.record(byte(next()), pattern(next()%8), next()%3)
		case 13:
			f.record(handshakeType, append([]byte{byte(next()), 0, byte(next() % 2), byte(next())}, pattern(next())...), 0)
		case 14:
			f.record(handshakeType, pattern(next()%4), 0)
		case 15:
			if rec := f.last(); len(rec) > 0 {
				rec[next()%len(rec)] ^= 1 << (next() % 8)
			}
		case 16:
			if rec := f.last(); len(rec) > 0 {
				f.stream = f.stream[:len(f.stream)-next()%len(rec)]
			}
		case 17:
			if rec := f.last(); len(rec) > 0 {
				f.put(bytes.Clone(rec))
			}
		case 18:
			if n := len(f.starts); n > 1 {
				a, b := f.stream[f.starts[n-2]:f.starts[n-1]], f.stream[f.starts[n-1]:]
				swapped := append(bytes.Clone(b), a...)
				f.starts[n-1] = f.starts[n-2] + len(b)
				copy(f.stream[f.starts[n-2]:], swapped)
			}
		case 19:
			f.inner(append(pattern(MaxPlaintext-2+next()%5), dataType, 0)[:MaxPlaintext-1+next()%4])
		case 20:
			f.typed(byte(next()), 0x0300+uint16(next()%6), append(pattern(next()), dataType))
		case 21:
			f.plain(byte(next()), pattern(next()))
		case 22:
			f.stream = append(f.stream, pattern(next()%16)...)
		case 23:
			for range next() % 20 {
				f.keyUpdate(byte(next() % 2))
			}
		}
	}
	return f.stream
}
