package protection

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// echo has the client of s send to Records and back, which shows that both keys and both numbers
// are right.
func echo(t *testing.T, s *session) {
	t.Helper()
	for _, n := range []int{1, 1000, MaxPlaintext} {
		sent := pattern(n)
		if _, err := s.client.Write(sent); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for len(got) < n { // the client begins with small records
			rec, err := s.wire.record()
			if err != nil {
				t.Fatal(err)
			}
			data, err := s.own.Open(rec)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, data...)
		}
		if !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes arrived as others", n)
		}
		s.wire.out.Write(s.own.Seal(nil, got))
		back := make([]byte, n)
		for at := 0; at < n; {
			m, err := s.client.Read(back[at:])
			if err != nil {
				t.Fatal(err)
			}
			at += m
		}
		if !bytes.Equal(back, sent) {
			t.Fatalf("%d bytes came back as others", n)
		}
	}
}

// record waits for a record of the client.
func (e *end) record() ([]byte, error) {
	rec := make([]byte, HeaderLen)
	for at := 0; at < len(rec); {
		n, err := e.in.Read(rec[at:])
		if err != nil {
			return nil, err
		}
		if at += n; at == HeaderLen && len(rec) == HeaderLen {
			whole, err := Length(rec)
			if err != nil {
				return nil, err
			}
			rec = append(rec, make([]byte, whole-HeaderLen)...)
		}
	}
	return rec, nil
}

// largeCertificate is one whose ticket takes three records: a client's certificate is in it.
func largeCertificate() tls.Certificate { return newCertificate(strings.Repeat("a long name ", 1600)) }

// TestHandshakes has Records made after each kind of handshake, with what the server sends under
// its last key before it says that the handshake is over.
func TestHandshakes(t *testing.T) {
	tests := []struct {
		name   string
		change func(server, client *tls.Config)
		seq    uint64 // sealed by tls.Conn: the session ticket, of as many records
	}{
		{"ticket", func(server, client *tls.Config) {}, 1},
		{"no ticket", func(server, client *tls.Config) { server.SessionTicketsDisabled = true }, 0},
		{"no ticket asked for", func(server, client *tls.Config) { client.ClientSessionCache = nil }, 0},
		{"client certificate", func(server, client *tls.Config) {
			server.ClientAuth = tls.RequireAnyClientCert
			client.Certificates = []tls.Certificate{certificate()}
		}, 1},
		{"client certificate, no ticket", func(server, client *tls.Config) {
			server.ClientAuth, server.SessionTicketsDisabled = tls.RequireAnyClientCert, true
			client.Certificates = []tls.Certificate{certificate()}
		}, 0},
		{"ticket of three records", func(server, client *tls.Config) {
			server.ClientAuth = tls.RequireAnyClientCert
			client.Certificates = []tls.Certificate{largeCertificate()}
		}, 3},
		{"HelloRetryRequest", func(server, client *tls.Config) {
			server.CurvePreferences = []tls.CurveID{tls.CurveP384}
			client.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
		}, 1},
		{"ML-KEM", func(server, client *tls.Config) { server.CurvePreferences, client.CurvePreferences = nil, nil }, 1},
		{"ECH", encrypted, 1},
		{"GetConfigForClient", func(server, client *tls.Config) {
			own := server.Clone()
			own.SessionTicketsDisabled = true
			server.Certificates = nil
			server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return own, nil }
		}, 0},
		{"GetConfigForClient that has none", func(server, client *tls.Config) {
			server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }
		}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, client := serverConfig(), clientConfig()
			test.change(server, client)
			s := connect(t, server, client)
			if s.own == nil {
				t.Fatal("no records")
			}
			if s.own.out.seq != test.seq {
				t.Fatalf("tls.Conn has sealed %d records, want %d", s.own.out.seq, test.seq)
			}
			echo(t, s)
			if c := s.wire.capture; c.client.secret != [maxSecret]byte{} || c.server.secret != [maxSecret]byte{} {
				t.Error("the capture has still secrets")
			}
		})
	}
}

// encrypted has the client's hello encrypted (RFC 9849), so that its random is not what is seen outside.
func encrypted(server, client *tls.Config) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	vector := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	body := append([]byte{7, 0, 0x20}, vector(key.PublicKey().Bytes())...) // id 7, DHKEM(X25519)
	body = append(body, vector([]byte{0, 1, 0, 1})...)                     // HKDF-SHA256, AES-128-GCM
	body = append(append(body, 0, byte(len("outer.test"))), "outer.test"...)
	body = append(body, 0, 0)
	config := append([]byte{0xfe, 0x0d}, vector(body)...)
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(certificate().Certificate[0])
	if err != nil {
		panic(err)
	}
	roots.AddCert(leaf)
	server.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{{Config: config, PrivateKey: key.Bytes()}}
	client.EncryptedClientHelloConfigList = vector(config)
	client.MinVersion, client.InsecureSkipVerify, client.RootCAs = tls.VersionTLS13, false, roots
}

// TestResumption has a ticket taken by a second connection, whose Config is another clone, and by
// one after the user has set keys of its own.
func TestResumption(t *testing.T) {
	server, client := serverConfig(), clientConfig()
	client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	find := map[net.Conn]*Capture{}
	watched := Watch(server, func(c net.Conn) *Capture { return find[c] })
	resumed := func() bool {
		s := shake(t, watched, client, &find)
		echo(t, s)
		return s.client.ConnectionState().DidResume
	}
	if resumed() {
		t.Fatal("the first connection resumed another")
	}
	if !resumed() {
		t.Fatal("the second connection did not resume the first")
	}
	server.SetSessionTicketKeys([][32]byte{{1}})
	if resumed() {
		t.Fatal("a ticket under the old key was taken")
	}
	if !resumed() {
		t.Fatal("a ticket under the key that was set was not taken")
	}
}

// TestNotOurs has tls.Conn go on where Records cannot.
func TestNotOurs(t *testing.T) {
	server := serverConfig()
	server.MaxVersion = tls.VersionTLS12
	if s := connect(t, server, clientConfig()); s.own != nil {
		t.Fatal("there are records of TLS 1.2")
	}
	watched := Watch(serverConfig(), func(net.Conn) *Capture { return nil }) // whose connection wants none
	if s := shake(t, watched, clientConfig(), &map[net.Conn]*Capture{}); s.own != nil {
		t.Fatal("there are records of another's secrets")
	}
	for _, suite := range []uint16{tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0} {
		if Supported(tls.VersionTLS13, suite) {
			t.Errorf("suite %x is said to be supported", suite)
		}
	}
	if Supported(tls.VersionTLS12, tls.TLS_AES_128_GCM_SHA256) {
		t.Error("TLS 1.2 is said to be supported")
	}
	for _, suite := range []uint16{tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_AES_256_GCM_SHA384} {
		s := captured(t) // secrets of 32 bytes
		if r := s.Records(&tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: suite}); r != nil {
			t.Errorf("suite %x: there are records", suite)
		}
		if s.client.secret != [maxSecret]byte{} || s.server.secret != [maxSecret]byte{} {
			t.Errorf("suite %x: the capture has still secrets", suite)
		}
	}
}

func captured(t *testing.T) *Capture {
	t.Helper()
	c := &Capture{}
	random, secret := strings.Repeat("0a", 32), strings.Repeat("5b", 32)
	for _, label := range []string{"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "} {
		if _, err := c.Write([]byte(label + random + " " + secret + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	c.Sent(nil)
	if c.client.secret[31] != 0x5b || !c.sealed {
		t.Fatal("nothing was captured")
	}
	return c
}

// TestKeyLogOfTheUser shows that it gets every line, and that its error ends the handshake as without us.
func TestKeyLogOfTheUser(t *testing.T) {
	var outer, inner bytes.Buffer
	server := serverConfig()
	server.KeyLogWriter = &outer
	echo(t, connect(t, server, clientConfig()))
	own := serverConfig()
	own.KeyLogWriter = &inner
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return own, nil }
	first := outer.Len()
	echo(t, connect(t, server, clientConfig()))
	for _, log := range []*bytes.Buffer{&outer, &inner} {
		for _, label := range []string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_HANDSHAKE_TRAFFIC_SECRET ",
			"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "} {
			if strings.Count(log.String(), label) != 1 {
				t.Errorf("%q is there %d times", label, strings.Count(log.String(), label))
			}
		}
	}
	if outer.Len() != first {
		t.Error("the log of the outer Config has the second handshake")
	}

	c := captured(t)
	if _, err := c.Write([]byte("CLIENT_TRAFFIC_SECRET_0 00 00\n")); err == nil {
		t.Error("a second secret was taken")
	}
	c = &Capture{next: refusing{}}
	if _, err := c.Write([]byte("CLIENT_RANDOM 00 00\n")); !errors.Is(err, errRefused) {
		t.Errorf("the error of the user's log became %v", err)
	}
	for _, line := range []string{
		"CLIENT_TRAFFIC_SECRET_0 \n", "CLIENT_TRAFFIC_SECRET_0 00 00\n", "SERVER_TRAFFIC_SECRET_0 00 " + strings.Repeat("xx", 32),
	} {
		if _, err := new(Capture).Write([]byte(line)); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
}

var errRefused = errors.New("refused")

type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, errRefused }

// TestSameRandom has two handshakes at a time whose clients send the same random, as one who has
// seen another's hello can: each gets its own secrets.
func TestSameRandom(t *testing.T) {
	find := map[net.Conn]*Capture{}
	watched := Watch(serverConfig(), func(c net.Conn) *Capture { return find[c] })
	one, other := clientConfig(), clientConfig()
	one.Rand, other.Rand = zeros{}, zeros{}
	a := shake(t, watched, one, &find)
	b := shake(t, watched, other, &find)
	echo(t, a)
	echo(t, b)
	if a.own.in.secret == b.own.in.secret {
		t.Fatal("two connections have the same secret")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFIPS runs itself where GODEBUG asks for FIPS 140-3.
func TestFIPS(t *testing.T) {
	if os.Getenv("PIKE_TEST_FIPS") != "" {
		server := serverConfig()
		server.CurvePreferences = []tls.CurveID{tls.CurveP256}
		client := server.Clone()
		client.InsecureSkipVerify = true
		s := connect(t, server, client)
		if s.own != nil {
			t.Fatal("there are records in FIPS 140-3 mode")
		}
		go s.client.Write([]byte("a"))
		if n, err := s.server.Read(make([]byte, 4)); n != 1 || err != nil {
			t.Fatal("tls.Conn does not go on: ", err)
		}
		return
	}
	for _, mode := range []string{"on", "only"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFIPS$", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode, "PIKE_TEST_FIPS="+mode)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
