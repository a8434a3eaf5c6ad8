// Package tlslayer has TLS as a layer of connections, by crypto/tls, on the loop:
//
//	ln, err := tcp.Listen(lp, ":443", &tcp.Options{Layer: tlslayer.Server(cfg, nil)})
//	c, err := tcp.Dial(lp, "example.com:443", &tcp.Options{Layer: tlslayer.Client(cfg, nil)}, fn)
//
// A Conn with the layer is a Conn like any other. OnAccept and the function of Dial come
// when the handshake is over. OnRead has what was deciphered, a record at a time. The end
// that OnEOF tells is the peer's close_notify. A connection that ends without one may have
// been cut short by somebody else (RFC 8446, 6.1), so that is [io.ErrUnexpectedEOF].
// CloseWrite and Close say close_notify themselves.
//
// TLS 1.2 and 1.3 are whatever crypto/tls has of them: ALPN, server names, certificates
// of clients, resumption, updates of keys. It refuses a renegotiation. The handshake runs
// on a coroutine, whose steps run on the loop's Executor, so that other connections do not
// wait for signatures. A handshake that waits for its peer holds no worker. Afterwards no
// goroutine belongs to a connection, and records are read and written on the loop.
//
// # Functions of the tls.Config
//
// Those that the handshake calls (GetCertificate, GetConfigForClient, VerifyConnection
// and so on) run beside the loop and may block, to read a file or to ask an ACME server.
// They must not touch the loop, but by Post. With [Options.OnLoop] they run on
// the loop and must not block. A ClientSessionCache is also called on the loop, because
// servers send sessions after the handshake.
//
// # Errors
//
// What ends a connection or its handshake is an [*Error]. It tells at what step, and
// [errors.As] finds the cause in it: [*tls.CertificateVerificationError],
// [tls.AlertError], [tls.RecordHeaderError]. When a connection itself is lost, the error
// is that of the poller.
package tlslayer

import (
	"crypto/tls"
	"sync/atomic"

	"example.com/pike/poller"
)

// Options are those of the layer. Nil is all defaults.
type Options struct {
	// OnLoop runs the steps of handshakes on the loop, instead of its Executor. A step
	// takes from a tenth of a millisecond to several, for which all other connections wait.
	// It is for programs with few handshakes, and for tests. A panic of a function of the tls.Config is
	// handed to a job of the Executor, so that it ends as it does without OnLoop.
	OnLoop bool

	// OwnRecords has a server's connections of TLS 1.3 with AES-GCM drop their tls.Conn
	// after the handshake, and the records opened and sealed by this package, in place. An
	// idle connection has some 2 KB then instead of 7 or, after a large record, 23, and a
	// record allocates nothing. All others go on with tls.Conn: clients, TLS 1.2,
	// ChaCha20-Poly1305, and every connection in FIPS 140-3 mode.
	//
	// The secrets come by Config.KeyLogWriter, of a copy of the Config that each handshake
	// has for itself. One that you have set still gets every line. NetConn is
	// errors.ErrUnsupported for such connections, because no tls.Conn is left.
	// It is off by default, because the code that guards the records is not crypto/tls then.
	OwnRecords bool
}

// A side is a layer: what the connections of one end have in common.
type side struct {
	cfg    *tls.Config
	o      Options
	client bool
	own    *tls.Config // of handshakes that are to end with records of our own, or nil
	dialed atomic.Pointer[dialed]
}

// A dialed is the config for a host, which dials to that host share.
type dialed struct {
	host string
	cfg  *tls.Config
}

// Server is the layer of connections that are accepted. Many loops may use one. As
// crypto/tls says, cfg must not be changed any more. It needs a certificate, or a function
// that gets one. Without, Connected of each stream is an error.
func Server(cfg *tls.Config, o *Options) poller.Layer { return newSide(cfg, o, false) }

// Client is the layer of connections that are dialed. Many loops may use one. The name that
// the certificate must have is cfg.ServerName, or else the host that was dialed. With
// InsecureSkipVerify the server is told the same name, and so is VerifyConnection, as by [tls.Dial]. A cfg
// that allows the server to renegotiate is [os.ErrInvalid], as the error of
// Connected: crypto/tls does that in the midst of reading, where it can only block.
func Client(cfg *tls.Config, o *Options) poller.Layer { return newSide(cfg, o, true) }

func newSide(cfg *tls.Config, o *Options, client bool) poller.Layer {
	d := &side{cfg: cfg, client: client}
	if o != nil {
		d.o = *o
	}
	if d.o.OwnRecords && !client && cfg != nil {
		d.own = watch(cfg)
	}
	return d
}

// check says what is wrong with the config, as crypto/tls does not in time.
func (d *side) check() error {
	switch {
	case d.cfg == nil && !d.client:
		return errNoConfig
	case d.client && d.cfg != nil && d.cfg.Renegotiation != tls.RenegotiateNever:
		return errRenegotiation
	}
	return nil
}

// configFor is the config of a connection. A server's is never cloned: a clone has its own
// keys for session tickets, and loses those that are set later. (protection.Watch knows a way.)
func (d *side) configFor(host string) *tls.Config {
	if d.own != nil {
		return d.own
	}
	cfg := d.cfg
	if !d.client || host == "" || cfg != nil && cfg.ServerName != "" {
		if cfg == nil {
			cfg = new(tls.Config)
		}
		return cfg
	}
	if last := d.dialed.Load(); last != nil && last.host == host {
		return last.cfg
	}
	if cfg == nil {
		cfg = new(tls.Config)
	} else {
		cfg = cfg.Clone()
	}
	cfg.ServerName = host
	d.dialed.Store(&dialed{host, cfg})
	return cfg
}

// Wrap implements [poller.Layer].
func (d *side) Wrap(below poller.Stream, h poller.StreamHandler, at poller.Place) (poller.Stream, poller.StreamHandler) {
	s := &stream{below: below, above: h, env: at.Env}
	if under := find(below); under != nil {
		s.depth = under.depth + 1
	}
	s.pool = poolOf(at.Env, s.depth)
	if d.client {
		s.mark(client)
	}
	s.wire.s = s
	s.hs = &handshake{s: s, side: d, host: at.Host, err: d.check()}
	s.wire.hs = s.hs
	switch {
	case at.Dialing:
	case s.hs.err != nil:
		s.later()
	default:
		s.hs.begin()
	}
	return s, (*lower)(s)
}

// State is what crypto/tls says of a connection, such as a *stream.Conn, that has
// the layer somewhere in its stack. It is false where there is none, and before the
// handshake is over.
func State(c interface{ Layer() poller.Stream }) (cs tls.ConnectionState, ok bool) {
	s := find(c.Layer())
	if s == nil || !s.is(ready) || s.is(released) {
		return cs, false
	}
	return s.records.state(), true
}

// find looks for TLS in a stack.
func find(l poller.Stream) *stream {
	for l != nil {
		if s, ok := l.(*stream); ok {
			return s
		}
		layered, ok := l.(poller.Layered)
		if !ok {
			return nil
		}
		l = layered.Below()
	}
	return nil
}
