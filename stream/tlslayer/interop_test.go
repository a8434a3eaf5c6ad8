package tlslayer_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// tool skips a test whose program is not here.
func tool(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed, so how it gets along with pike was not tested: %v", name, err)
	}
	return p
}

// pemFiles writes a certificate and its key.
func pemFiles(t *testing.T, cert tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	no(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, b := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		no(t, os.WriteFile(file, pem.EncodeToMemory(b), 0o600))
	}
	return certFile, keyFile
}

// A program is a process that one talks to.
type program struct {
	t    *testing.T
	in   io.WriteCloser
	exit chan error

	mu  sync.Mutex
	out bytes.Buffer // stdout and stderr
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...)
	p := &program{t: t, exit: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = p, p
	var err error
	p.in, err = cmd.StdinPipe()
	no(t, err)
	no(t, cmd.Start())
	go func() { p.exit <- cmd.Wait() }()
	t.Cleanup(func() {
		p.in.Close()
		cmd.Process.Kill()
	})
	return p
}

// says waits until the program has written text n times.
func (p *program) says(text string, n int) {
	p.t.Helper()
	until(p.t, fmt.Sprintf("the program has written %q %d times", text, n), func() bool { return strings.Count(p.text(), text) >= n })
}

// tell writes a line to the program. openssl takes a letter for a command only if it comes alone.
func (p *program) tell(line string) {
	p.t.Helper()
	_, err := io.WriteString(p.in, line+"\n")
	no(p.t, err)
}

// TestOpenSSLClient has openssl talk to an echo, ask for new keys (K asks for ours, too; k does not) and end.
func TestOpenSSLClient(t *testing.T) {
	bin := tool(t, "openssl")
	server, _ := configsOf(pairs["rsa"]())
	server.NextProtos = []string{"echo"}
	ca, _ := pemFiles(t, server.Certificates[0])
	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		t.Run(version, func(t *testing.T) {
			eachMode(t, func(t *testing.T, o *tlslayer.Options) {
				s := serve(t, serverOptions(server, o), echo)
				p := start(t, bin, "s_client", "-connect", s.addr, "-CAfile", ca, "-verify_return_error",
					"-servername", "localhost", "-alpn", "echo", version)
				p.says("ALPN protocol: echo", 1)
				p.says("Verify return code: 0 (ok)", 1)
				p.tell("hello-0")
				p.says("hello-0", 1)
				if version == "-tls1_3" {
					for i, key := range []string{"K", "k", "K"} {
						p.tell(key)
						p.says("KEYUPDATE", i+1)
						p.tell(fmt.Sprint("hello-", i+1))
						p.says(fmt.Sprint("hello-", i+1), 1)
					}
				}
				p.tell("Q")
				if err := s.end(t); err != nil && err != io.EOF {
					t.Error(err)
				}
			})
		})
	}
}

// TestOpenSSLResumes has a session resumed from a file.
func TestOpenSSLResumes(t *testing.T) {
	bin := tool(t, "openssl")
	server, _ := configsOf(pairs["rsa"]())
	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) {
			c.OnRead = func(c *tcp.Conn, p []byte) { c.WriteString("bye\n"); c.Close() }
		})
		session := filepath.Join(t.TempDir(), "session")
		var out string
		for _, arg := range []string{"-sess_out", "-sess_in"} {
			p := start(t, bin, "s_client", "-connect", s.addr, version, "-ign_eof", arg, session)
			p.tell("hello")
			select {
			case <-p.exit:
			case <-time.After(patience):
				t.Fatal("openssl does not end")
			}
			s.end(t)
			out = p.text()
		}
		if !strings.Contains(out, "Reused, ") {
			t.Errorf("%s: no session was resumed:\n%s", version, out)
		}
	}
}

// TestOpenSSLRenegotiates has a client of TLS 1.2 ask for another handshake. It is refused.
func TestOpenSSLRenegotiates(t *testing.T) {
	bin := tool(t, "openssl")
	server, _ := configsOf(pairs["rsa"]())
	s := serve(t, serverOptions(server, nil), echo)
	p := start(t, bin, "s_client", "-connect", s.addr, "-tls1_2")
	p.tell("hello")
	p.says("hello", 1)
	p.tell("R")
	if err := s.end(t); err == nil || !strings.Contains(err.Error(), "unexpected handshake message") {
		t.Errorf("OnClose got %v", err)
	}
}

// TestOpenSSLServer dials openssl with a certificate of our own, and has it ask for new keys, and for a
// renegotiation.
func TestOpenSSLServer(t *testing.T) {
	bin := tool(t, "openssl")
	_, client := configsOf(pairs["rsa"]())
	cert, key := pemFiles(t, pairs["rsa"]().cert)
	client.Certificates = []tls.Certificate{pairs["p256"]().cert}
	client.NextProtos = []string{"lines"}
	ca, _ := pemFiles(t, client.Certificates[0])
	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		t.Run(version, func(t *testing.T) {
			free, err := net.Listen("tcp", "127.0.0.1:0")
			no(t, err)
			addr := free.Addr().String()
			no(t, free.Close())
			p := start(t, bin, "s_server", "-accept", addr, "-cert", cert, "-key", key, "-CAfile", ca, "-Verify", "1",
				"-verify_return_error", "-alpn", "lines", version)
			p.says("ACCEPT", 1)
			lp := newLoop(t)
			var got bytes.Buffer
			var conn *tcp.Conn
			reason := make(chan error, 1)
			lines := make(chan string, 100)
			_, err = tcp.Dial(lp, addr, clientOptions(client, nil), func(c *tcp.Conn, err error) {
				if err != nil {
					t.Error(err)
					lp.Stop()
					return
				}
				if st, _ := tlslayer.State(c); st.NegotiatedProtocol != "lines" {
					t.Errorf("the protocol is %q", st.NegotiatedProtocol)
				}
				conn = c
				c.WriteString("hello-c\n")
				c.OnRead = func(_ *tcp.Conn, b []byte) {
					got.Write(b)
					lines <- got.String()
				}
				c.OnClose = func(_ *tcp.Conn, err error) { reason <- err }
			})
			no(t, err)
			run(t, lp, func() error {
				p.says("hello-c", 1)
				ask := []string{"R"} // of TLS 1.2 a renegotiation
				if version == "-tls1_3" {
					ask = []string{"K", "k", "K"}
				}
				for i, what := range ask {
					p.tell(fmt.Sprint("hello-", i))
					for text := ""; !strings.Contains(text, fmt.Sprint("hello-", i)); {
						select {
						case text = <-lines:
						case <-time.After(patience):
							return fmt.Errorf("no answer %d of the server: %s", i, p.text())
						}
					}
					p.tell(what)
					if version == "-tls1_3" { // what comes from us is shown after what it has been told before
						lp.Post(func() { conn.WriteString(fmt.Sprint("seen-", i, "\n")) })
						p.says(fmt.Sprint("seen-", i), 1)
					}
				}
				if version == "-tls1_3" {
					lp.Post(func() { conn.Close() })
				}
				select {
				case err := <-reason:
					if version == "-tls1_2" && err == nil {
						return fmt.Errorf("it was negotiated again")
					}
				case <-time.After(patience):
					return fmt.Errorf("the connection does not end: %s", p.text())
				}
				return nil
			})
		})
	}
}

// TestCurl has curl take 20 MB twice from a bare server of HTTP/1.1.
func TestCurl(t *testing.T) {
	bin := tool(t, "curl")
	server, _ := configs(t)
	server.NextProtos = []string{"http/1.1"}
	ca, _ := pemFiles(t, server.Certificates[0])
	body := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	for _, version := range [][]string{{"--tlsv1.3"}, {"--tls-max", "1.2"}} {
		s := serve(t, serverOptions(server, nil), func(c *tcp.Conn) {
			var request []byte
			c.OnRead = func(c *tcp.Conn, p []byte) {
				if request = append(request, p...); bytes.HasSuffix(request, []byte("\r\n\r\n")) {
					request = request[:0]
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
					c.Write(body)
				}
			}
		})
		_, port, _ := net.SplitHostPort(s.addr)
		url := "https://localhost:" + port + "/"
		args := append([]string{"-sS", "--ipv4", "--cacert", ca, "--max-time", "60", url, url}, version...)
		out, err := exec.Command(bin, args...).Output()
		no(t, err)
		if len(out) != 2*len(body) || !bytes.Equal(out[:len(body)], body) || !bytes.Equal(out[len(body):], body) {
			t.Errorf("curl has %d bytes of %d, or others", len(out), 2*len(body))
		}
		if err := s.end(t); err != nil && err != io.EOF {
			t.Error(err)
		}
	}
}
