package protection

import (
	"crypto/tls"
	"fmt"
	"math"
)

// Length is how long the record is that begins with header, itself included. header has
// HeaderLen bytes at least. An error is a [*Violation]: no byte behind the header matters then.
func Length(header []byte) (int, error) {
	version := uint16(header[1])<<8 | uint16(header[2])
	if version != wireVersion {
		return 0, headerViolation(protocolVersion, header,
			fmt.Sprintf("received record with version %x when expecting version %x", version, wireVersion))
	}
	n := int(header[3])<<8 | int(header[4])
	if n > maxCiphertext {
		return 0, headerViolation(recordOverflow, header, fmt.Sprintf("oversized record received with length %d", n))
	}
	return HeaderLen + n, nil
}

func headerViolation(a tls.AlertError, header []byte, msg string) error {
	e := tls.RecordHeaderError{Msg: msg}
	copy(e.RecordHeader[:], header)
	return &Violation{Alert: a, Err: e}
}

// Open opens one whole record in place: rec is as long as [Length] says. data is what the peer
// has sent, a part of rec; it is empty if the record has none, but a KeyUpdate, say.
//
// An error is final, and later calls give it again. It is io.EOF after close_notify, a
// *net.OpError with a tls.AlertError for another alert of the peer, and a [*Violation] whose
// alert the peer is to get. What was in rec is lost then.
func (r *Records) Open(rec []byte) (data []byte, err error) {
	if r.err != nil {
		return nil, r.err
	}
	data, r.err = r.open(rec)
	return data, r.err
}

func (r *Records) open(rec []byte) ([]byte, error) {
	kind, data := rec[0], rec[HeaderLen:]
	if kind != changeType { // such a record is not protected (appendix D.4)
		var err error
		if kind, data, err = r.unprotect(rec); err != nil {
			return nil, err
		}
	}
	if len(data) > MaxPlaintext {
		return nil, violation(recordOverflow)
	}
	if kind != handshakeType && r.have > 0 { // nothing may come between the parts of a message (5.1)
		return nil, violation(unexpectedMessage)
	}
	switch kind {
	case dataType:
		if len(data) == 0 {
			return nil, r.ignore()
		}
		r.useless = 0
		return data, nil
	case handshakeType:
		return nil, r.handshake(data)
	case alertType:
		if len(data) != 2 {
			return nil, violation(unexpectedMessage)
		}
		if a := tls.AlertError(data[1]); a != userCanceled {
			return nil, remote(a)
		}
		return nil, r.ignore()
	case changeType:
		if len(data) != 1 || data[0] != 1 {
			return nil, violation(decodeError)
		}
		return nil, r.ignore()
	}
	return nil, violation(unexpectedMessage)
}

// unprotect returns what is inside of rec, without padding (5.4).
func (r *Records) unprotect(rec []byte) (kind byte, data []byte, err error) {
	if r.in.seq == math.MaxUint64 { // it may not wrap (5.3)
		return 0, nil, violation(internalError)
	}
	inner, err := r.in.open(rec)
	switch {
	case err != nil:
		return 0, nil, violation(badRecordMAC)
	case rec[0] != dataType:
		return 0, nil, violation(unexpectedMessage)
	case len(inner) > MaxPlaintext+1:
		return 0, nil, violation(recordOverflow)
	case len(inner) == 0: // no type and no padding: tls.Conn takes it for a record without data
		return dataType, nil, nil
	}
	n := len(inner) - 1
	for inner[n] == 0 {
		if n--; n < 0 {
			return 0, nil, violation(unexpectedMessage)
		}
	}
	return inner[n], inner[:n], nil
}

// ignore counts a record that brings no data, so that nobody keeps the loop busy with them.
func (r *Records) ignore() error {
	if r.useless++; r.useless > maxUseless {
		return &Violation{Alert: unexpectedMessage, Err: errUseless}
	}
	return nil
}

// handshake takes a part of a handshake message. A client that has finished its handshake has
// only KeyUpdate to say: it was not asked for a certificate, and sends no ticket.
func (r *Records) handshake(data []byte) error {
	if len(data) == 0 {
		return violation(unexpectedMessage)
	}
	n := copy(r.message[r.have:], data)
	r.have += uint8(n)
	if r.have >= messageHeader {
		if err := r.expected(); err != nil {
			return err
		}
	}
	if r.have < updateLen {
		return nil
	}
	r.have = 0
	asked := r.message[messageHeader]
	if asked > 1 {
		return violation(decodeError)
	}
	if err := r.ignore(); err != nil {
		return err
	}
	r.owed = r.owed || asked == 1
	if n < len(data) { // the new key begins with a new record (5.1)
		return violation(unexpectedMessage)
	}
	r.in.update()
	return nil
}

// expected looks at the header of a message: it is a KeyUpdate of one byte, or refused.
func (r *Records) expected() error {
	m := &r.message
	most := maxMessage
	if m[0] == certificateMsg {
		most = maxCertMsg
	}
	switch n := int(m[1])<<16 | int(m[2])<<8 | int(m[3]); {
	case n > most:
		return violation(internalError)
	case m[0] != updateMsg:
		return violation(unexpectedMessage)
	case n != updateLen-messageHeader:
		return violation(decodeError)
	}
	return nil
}
