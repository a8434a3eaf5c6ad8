// Package protection guards the records of a TLS 1.3 connection (RFC 8446, section 5) after
// crypto/tls has done the handshake. A [Capture] takes the traffic secrets of one handshake,
// and [Records] opens what arrives and seals what is sent, both in place: a record costs no
// allocation, and a connection has no buffer of its own.
//
// It does what tls.Conn of Go 1.26 does with the same bytes: it gives the same plaintext, and
// ends with the same alert. The differential tests hold it to that. There are three
// differences, all on purpose:
//
//   - A handshake message that cannot be a KeyUpdate is refused when its header is there.
//     tls.Conn first reads it whole, and keeps up to 64 KiB for it.
//   - A peer that asks for a KeyUpdate gets it before the next data, once for all it has
//     asked for (section 4.6.3). tls.Conn answers each, so that a peer which reads
//     nothing makes its output grow.
//   - Keys change before they have sealed more than section 5.5 allows. tls.Conn goes on.
//
// It has AES-GCM only, as the standard library has no other AEAD of TLS 1.3 in public.
package protection

import (
	"crypto/fips140"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

const (
	HeaderLen    = 5        // type, version and length of a record
	MaxPlaintext = 16 << 10 // of a record (5.1)
	Overhead     = HeaderLen + 1 + tagLen
	UpdateLen    = Overhead + updateLen // what Seal may put before its record

	maxCiphertext = MaxPlaintext + 256 // of a record, without its header (5.2)
	maxMessage    = 64 << 10           // of a handshake message; these two are tls.Conn's
	maxCertMsg    = 256 << 10
	maxUseless    = 16      // records in a row that bring no data, as tls.Conn has it
	tagLen        = 16      // of AES-GCM
	updateLen     = 5       // of a KeyUpdate message
	wireVersion   = 0x0303  // of every record (5.1)
	keyMost       = 1 << 24 // records that a key seals; 2^24.5 of full size are safe (5.5)
	messageHeader = 4       // type and length of a handshake message
)

// What a record can have inside.
const (
	changeType    = 20
	alertType     = 21
	handshakeType = 22
	dataType      = 23
)

// Types of handshake messages.
const (
	certificateMsg = 11
	updateMsg      = 24
)

const (
	CloseNotify       tls.AlertError = 0
	unexpectedMessage tls.AlertError = 10
	badRecordMAC      tls.AlertError = 20
	recordOverflow    tls.AlertError = 22
	decodeError       tls.AlertError = 50
	protocolVersion   tls.AlertError = 70
	internalError     tls.AlertError = 80
	userCanceled      tls.AlertError = 90
)

// Records is the record layer of one connection whose handshake is over. Its methods belong
// to one goroutine.
type Records struct {
	in, out half
	err     error // why nothing is opened any more
	sizes   sizes
	message [updateLen]byte // a handshake message that has not arrived whole
	have    uint8           // bytes of message
	useless uint8           // records since the last data
	owed    bool            // the peer has asked for a KeyUpdate, which comes before the next data
}

// Supported reports whether connections of this suite can have Records in this program. In
// FIPS 140-3 mode none can: the public AES-GCM is no approved service there for nonces that
// count, and is refused where the mode is enforced.
func Supported(version, suite uint16) bool {
	if version != tls.VersionTLS13 || fips140.Enabled() {
		return false
	}
	return secretLen(suite) != 0
}

// secretLen is 0 for suites that are not ours.
func secretLen(suite uint16) int {
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		return 32
	case tls.TLS_AES_256_GCM_SHA384:
		return 48
	}
	return 0
}

// Wipe clears the secrets. Nothing can be opened or sealed afterwards. The expanded keys inside
// crypto/cipher are dropped, as it has no way to clear them.
func (r *Records) Wipe() {
	r.in.wipe()
	r.out.wipe()
	if r.err == nil {
		r.err = net.ErrClosed
	}
}

// A Violation is how a peer has broken the protocol. errors.As finds the alert, and a
// tls.RecordHeaderError where the header of a record is to blame.
type Violation struct {
	Alert tls.AlertError // is to be sent to the peer
	Err   error          // what crypto/tls would say; nil if it says no more than the alert
}

func (v *Violation) Error() string {
	if v.Err != nil {
		return v.Err.Error()
	}
	return "local error: " + v.Alert.Error()
}

func (v *Violation) Unwrap() []error {
	if v.Err != nil {
		return []error{v.Alert, v.Err}
	}
	return []error{v.Alert}
}

func violation(a tls.AlertError) error { return &Violation{Alert: a} }

var errUseless = errors.New("tls: too many ignored records")

// remote is the error of an alert that the peer has sent.
func remote(a tls.AlertError) error {
	if a == CloseNotify {
		return io.EOF
	}
	return &net.OpError{Op: "remote error", Err: a}
}
