package protection

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
)

// A Capture takes the traffic secrets of one handshake of a server. It is the KeyLogWriter of
// a Config that this connection alone has, so nobody else's secrets can get into it: a log that
// many connections share could only tell them by the client's random, which a client chooses,
// and may have read off another's hello.
//
// crypto/tls calls Write during the handshake, on the goroutine that runs it. The other methods are
// to be called on that goroutine too, or after it.
type Capture struct {
	next           io.Writer // the user's own log, or nil
	client, server half
	sealed         bool // server has a key
	fullSize       bool // records are never smaller than they can be
}

// Watch returns a Config for tls.Server which has each handshake give its secrets to the
// Capture that find returns for the net.Conn of the handshake; nil is none. It does what cfg
// does in all else: a KeyLogWriter of cfg, or of what its GetConfigForClient
// returns, gets every line. SetSessionTicketKeys of cfg works later, too.
func Watch(cfg *tls.Config, find func(net.Conn) *Capture) *tls.Config {
	base := cfg.Clone()
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		use := cfg
		if cfg.GetConfigForClient != nil {
			own, err := cfg.GetConfigForClient(hello)
			if err != nil {
				return nil, err
			}
			if own != nil {
				use = own
			}
		}
		c := find(hello.Conn)
		if c == nil {
			return use, nil
		}
		// crypto/tls takes the keys of tickets from the Config that the handshake began with,
		// unless this one has some that were set, so tickets outlive this clone.
		use = use.Clone()
		c.next, c.fullSize = use.KeyLogWriter, use.DynamicRecordSizingDisabled
		use.KeyLogWriter = c
		return use, nil
	}
	return base
}

var errLogLine = errors.New("protection: a line of the key log is not as crypto/tls writes it")

// Write takes a line of the key log, and passes it on.
func (c *Capture) Write(line []byte) (int, error) {
	label, rest, _ := bytes.Cut(line, []byte{' '})
	var h *half
	switch string(label) {
	case "CLIENT_TRAFFIC_SECRET_0":
		h = &c.client
	case "SERVER_TRAFFIC_SECRET_0":
		h = &c.server
	}
	if h != nil {
		_, secret, _ := bytes.Cut(bytes.TrimSuffix(rest, []byte{'\n'}), []byte{' '})
		if h.size != 0 || len(secret) != 64 && len(secret) != 2*maxSecret {
			return 0, errLogLine
		}
		n, err := hex.Decode(h.secret[:], secret)
		if err != nil {
			return 0, errLogLine
		}
		h.size = uint8(n)
	}
	if c.next == nil {
		return len(line), nil
	}
	return c.next.Write(line)
}

// Sent looks at what tls.Conn has written to its net.Conn, whole records, and counts those that
// are sealed by the new key: the session ticket, or nothing. Nothing tells it when the key
// changes, but that the record can be opened. p stays as it is.
func (c *Capture) Sent(p []byte) {
	if c.server.size == 0 {
		return
	}
	if !c.sealed {
		// 32 bytes may be those of ChaCha20: then no record can be opened, and Records says no.
		if c.server.set(c.server.secret[:c.server.size]) != nil {
			return
		}
		c.sealed = true
	}
	for len(p) >= HeaderLen {
		n := min(HeaderLen+int(p[3])<<8+int(p[4]), len(p))
		if p[0] == dataType {
			c.server.open(bytes.Clone(p[:n])) // counts if it can
		}
		p = p[n:]
	}
}

// Records makes the record layer of the connection whose handshake is over, and wipes c. It
// returns nil where tls.Conn has to go on: another version or suite, or a program in FIPS
// 140-3 mode.
func (c *Capture) Records(cs *tls.ConnectionState) *Records {
	defer c.Wipe()
	n := secretLen(cs.CipherSuite)
	if !Supported(cs.Version, cs.CipherSuite) || int(c.client.size) != n || int(c.server.size) != n || !c.sealed {
		return nil
	}
	r := &Records{in: c.client, out: c.server}
	if r.in.set(c.client.secret[:n]) != nil {
		return nil
	}
	r.out.left -= uint32(r.out.seq)
	if c.fullSize {
		r.sizes.bytes = fullSize
	}
	return r
}

// Wipe clears the secrets, which is for a handshake that fails.
func (c *Capture) Wipe() {
	c.client.wipe()
	c.server.wipe()
	c.client.size, c.server.size, c.sealed = 0, 0, false
}
