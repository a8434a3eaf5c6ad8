package tlslayer_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"testing"
	"testing/cryptotest"
	"time"

	"example.com/pike/loop"
	"example.com/pike/poller/sim"
	"example.com/pike/stream/tlslayer"
	"example.com/pike/tcp"
)

// A run is what a world has come to.
type outcome struct {
	hash   uint64
	whole  int // echoes that came back
	failed int // dials
	err    error
}

// world has a client dial a server five times, and an echo go through TLS.
func world(seed uint64, with sim.Config, server, client *tls.Config, o *tlslayer.Options) (out outcome) {
	w := sim.New(seed, with)
	server, client = server.Clone(), client.Clone()
	server.Time = func() time.Time { return time.Unix(1e9, int64(w.Now())) }
	client.Time = server.Time
	w.Daemon(w.Host("srv"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			ln, err := tcp.Listen(lp, ":443", serverOptions(server, o))
			if err == nil {
				ln.OnAccept = echo
			}
			return err
		})
	})
	message := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	w.Go(w.Host("cli"), func(h *sim.Host) error {
		return loop.RunOn(h, func(lp *loop.Loop) error {
			var again func(left int)
			again = func(left int) {
				if left == 0 {
					return
				}
				_, err := tcp.Dial(lp, "srv:443", clientOptions(client, o), func(c *tcp.Conn, err error) {
					if err != nil {
						out.failed++
						again(left - 1)
						return
					}
					var got []byte
					c.OnRead = func(c *tcp.Conn, p []byte) {
						if got = append(got, p...); len(got) == len(message) {
							c.CloseWrite()
						}
					}
					c.OnClose = func(c *tcp.Conn, err error) {
						switch whole := bytes.Equal(got, message); {
						case whole:
							out.whole++
						case err == nil || err == io.EOF:
							w.Errorf("%d bytes, and an end that claims to be all", len(got))
						case !bytes.HasPrefix(message, got):
							w.Errorf("%d bytes that nobody has sent", len(got))
						}
						again(left - 1)
					}
					c.Write(message[:100])
					c.Write(message[100:])
				})
				if err != nil {
					w.Errorf("dial: %v", err)
				}
			}
			again(5)
			return nil
		})
	})
	out.err = w.Run()
	out.hash = w.Hash()
	return out
}

// TestWorlds runs worlds with heavy faults twice each. With one seed for crypto/rand they repeat byte by byte, whether
// the handshakes run on the loop or beside it. Whatever goes wrong, nothing that was cut short looks whole.
func TestWorlds(t *testing.T) {
	worlds := uint64(500)
	if testing.Short() || raceDetector {
		worlds = 20
	}
	eachMode(t, func(t *testing.T, o *tlslayer.Options) {
		worlds := worlds
		if o == nil || !o.OnLoop {
			worlds /= 5 // goroutines that a world waits for take more than three times as long
		}
		server, client := configs(t)
		whole, failed := 0, 0
		for seed := range worlds {
			var twice [2]outcome
			for i := range twice {
				cryptotest.SetGlobalRandom(t, seed)
				twice[i] = world(seed, sim.Config{Faults: sim.Heavy()}, server, client, o)
				no(t, twice[i].err)
			}
			if twice[0] != twice[1] {
				t.Errorf("world %d is not the same twice: %+v", seed, twice)
			}
			whole += twice[0].whole
			failed += twice[0].failed
		}
		if whole == 0 || failed == 0 {
			t.Errorf("%d echoes came back and %d dials failed, want some of each", whole, failed)
		}
		t.Logf("of %d echoes %d came back; %d dials failed", 5*worlds, whole, failed)
	})
}

// TestOpaqueWorlds has random bytes, as programs have that cannot set the seed of crypto/rand. What happens, and when,
// is the same, with a certificate whose signatures have one length.
func TestOpaqueWorlds(t *testing.T) {
	worlds := uint64(100)
	if testing.Short() || raceDetector {
		worlds = 10
	}
	server, client := configsOf(pairs["ed25519"]())
	for seed := range worlds {
		var twice [2]outcome
		for i := range twice {
			twice[i] = world(seed, sim.Config{Faults: sim.Heavy(), OpaqueData: true}, server, client, &tlslayer.Options{OnLoop: true})
			no(t, twice[i].err)
		}
		if twice[0] != twice[1] {
			t.Errorf("world %d is not the same twice: %+v", seed, twice)
		}
	}
}
