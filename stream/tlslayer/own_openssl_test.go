package tlslayer_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// output is what a process has said so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) count(s string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Count(o.b.String(), s)
}

// TestOwnOpenSSL has openssl s_client update its keys between lines, with and without asking for
// ours, in each suite of TLS 1.3. The one that is not ours has tls.Conn go on.
func TestOwnOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not here: ", err)
	}
	for _, suite := range []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"} {
		t.Run(suite, func(t *testing.T) {
			cfg, _ := configs(t)
			s := serve(t, serverOptions(cfg, &tlslayer.Options{OwnRecords: true}), func(c *tcp.Conn) {
				if st, _ := tlslayer.State(c); tls.CipherSuiteName(st.CipherSuite) != suite {
					t.Errorf("State says %s", tls.CipherSuiteName(st.CipherSuite))
				}
				c.OnRead = func(c *tcp.Conn, p []byte) { c.Write(bytes.ToUpper(p)) }
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "openssl", "s_client", "-connect", s.addr, "-tls1_3", "-ciphersuites", suite)
			in, err := cmd.StdinPipe()
			no(t, err)
			var out output
			cmd.Stdout, cmd.Stderr = &out, &out
			no(t, cmd.Start())
			updates := 0
			for _, line := range []string{"line 1", "K", "line 2", "k", "line 3", "K", "line 4"} {
				_, err := io.WriteString(in, line+"\n")
				no(t, err)
				answer, n := strings.ToUpper(line), 1
				if len(line) == 1 { // openssl takes all it reads at once for the command
					updates++
					answer, n = "KEYUPDATE", updates
				}
				until(t, answer+" is there", func() bool { return out.count(answer) == n })
			}
			no(t, in.Close())
			if err := s.end(t); err != nil && err != io.EOF {
				t.Error(err)
			}
			no(t, cmd.Wait())
		})
	}
}

// TestOwnNetConn is refused, and the connection goes on.
func TestOwnNetConn(t *testing.T) {
	server, client := configs(t)
	s := serve(t, serverOptions(server, &tlslayer.Options{OwnRecords: true}), func(c *tcp.Conn) {
		c.OnRead = func(c *tcp.Conn, p []byte) {
			if _, err := c.NetConn(); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("NetConn: %v", err)
			}
			c.Write(p)
		}
	})
	nc := dial(t, s.addr, client)
	for range 3 {
		no(t, exchange(nc, []byte("as before")))
	}
}
