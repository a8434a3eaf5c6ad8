package server

import (
	"bufio"
	"bytes"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A refusal is why frames of WebSocket are not taken, and the status that says so to the peer (RFC 6455, 7.4.1).
type refusal struct {
	status ws.StatusCode
	reason string
}

func (r *refusal) Error() string { return r.reason }

var (
	tooMuch    = &refusal{ws.StatusMessageTooBig, "the message is too long"}
	notUTF8    = &refusal{ws.StatusInvalidFramePayloadData, "the text is not UTF-8"}
	shortClose = &refusal{ws.StatusProtocolError, "a close frame has no whole status"}
	badLength  = &refusal{ws.StatusProtocolError, "the length of a frame is not a length"}
)

// frames cuts what a browser sends into frames, for frame.SplitBy, and joins those of a message. Its zero value, with a
// most, is at the beginning of a connection.
type frames struct {
	most int // bytes of a message

	header ws.Header // of the frame that was cut last, or that has begun
	wrong  *refusal  // why nothing more can be cut
	size   int       // of the frame that has begun, its header included, or 0
	opcode ws.OpCode // of the message that has begun
	begun  bool      // a message has, and is not whole
	so     []byte    // the payload of it so far
	src    bytes.Reader
	buf    [ws.MaxHeaderSize]byte
}

// longest is how long a frame may be.
func (f *frames) longest() int { return ws.MaxHeaderSize + f.most }

// Split is a bufio.SplitFunc. The token of a frame is its payload, as it came. A frame that is against the protocol is the
// end: its token is empty, and wrong is set. So the length that a header claims takes no memory.
func (f *frames) Split(data []byte, _ bool) (advance int, token []byte, err error) {
	f.size = 0
	f.src.Reset(data)
	h, err := ws.ReadHeaderBuffer(&f.src, f.buf[:])
	switch {
	case err == ws.ErrHeaderLengthMSB || err == ws.ErrHeaderLengthUnexpected:
		return f.refuse(data, badLength)
	case err != nil:
		return 0, nil, nil // there is less than a header
	}
	f.header = h
	if err := ws.CheckHeader(h, f.state()); err != nil {
		return f.refuse(data, &refusal{ws.StatusProtocolError, err.Error()})
	}
	if h.Length > int64(f.most) || !h.OpCode.IsControl() && int64(len(f.so))+h.Length > int64(f.most) {
		return f.refuse(data, tooMuch)
	}
	begin := len(data) - f.src.Len()
	end := begin + int(h.Length)
	if end > len(data) {
		f.size = end
		return 0, nil, nil
	}
	return end, data[begin:end:end], nil
}

// Need is how long the frame is whose beginning Split has seen.
func (f *frames) Need([]byte) int { return f.size }

func (f *frames) refuse(data []byte, why *refusal) (advance int, token []byte, err error) {
	f.wrong = why
	return len(data), data[:0], bufio.ErrFinalToken
}

func (f *frames) state() ws.State {
	if f.begun {
		return ws.StateServerSide | ws.StateFragmented
	}
	return ws.StateServerSide
}

// open is the payload of the frame that was cut, without its mask, in memory that it appends to.
func (f *frames) open(to, token []byte) []byte {
	payload := append(to, token...)
	ws.Cipher(payload[len(to):], f.header.Mask, 0)
	return payload
}

// add adds the payload of a data frame to its message. whole is set if that is complete; it is payload itself if it had
// one frame, and belongs to nobody else if it had several.
func (f *frames) add(payload []byte) (whole []byte, opcode ws.OpCode, err error) {
	if !f.begun {
		f.opcode = f.header.OpCode
	}
	message := payload
	if f.begun || !f.header.Fin {
		f.so = append(f.so, payload...)
		message = f.so
	}
	f.begun = !f.header.Fin
	if f.opcode == ws.OpText {
		valid := message
		if f.begun {
			valid = beginning(message)
		}
		if !utf8.Valid(valid) {
			return nil, f.opcode, notUTF8
		}
	}
	if f.begun {
		return nil, f.opcode, nil
	}
	f.so = nil
	return message[:len(message):len(message)], f.opcode, nil
}

// beginning is text without a rune at its end that may be whole with what comes next.
func beginning(text []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if at := len(text) - n; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return text[:at]
			}
			break
		}
	}
	return text
}

// closing is what a close frame asks for: the payload of the answer, or why it makes no sense.
func closing(payload []byte) (answer []byte, err error) {
	switch len(payload) {
	case 0:
		return nil, nil
	case 1:
		return nil, shortClose
	}
	status, reason := ws.ParseCloseFrameData(payload)
	err = ws.CheckCloseFrameData(status, reason)
	switch registered := status >= 1012 && status <= 1014; { // after the RFC, in the registry of its section 11.7
	case err == ws.ErrProtocolInvalidUTF8 || registered && !utf8.ValidString(reason):
		return nil, notUTF8
	case status >= 5000, err != nil && !registered: // 4999 is the last (RFC 6455, 7.4.2)
		return nil, &refusal{ws.StatusProtocolError, "that status means nothing"}
	}
	return payload[:2], nil // the status alone: the reason is nothing that it should hear again
}

// appendFrame appends the header of a frame of the server, which is whole and has no mask (RFC 6455, 5.1).
func appendFrame(to []byte, opcode ws.OpCode, size int) []byte {
	b := appending{to}
	ws.WriteHeader(&b, ws.Header{Fin: true, OpCode: opcode, Length: int64(size)})
	return b.p
}

// appending is a writer to memory.
type appending struct{ p []byte }

func (a *appending) Write(p []byte) (int, error) {
	a.p = append(a.p, p...)
	return len(p), nil
}
