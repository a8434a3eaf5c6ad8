//go:build !kqfake

package stream_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"example.com/pike/tcp"
)

// The system calls are those that it is about: what is cached goes by sendfile alone.
func TestSystemCallsOfSendFile(t *testing.T) {
	if testLayerCount > 0 {
		t.Skip("through a layer a file is read and written")
	}
	if os.Getenv(childVariable) != "" {
		r := newRig(t)
		client, server := r.pair()
		heard := 0
		client.OnRead = func(_ *tcp.Conn, p []byte) { heard += len(p) }
		f := r.whole(16 << 20)
		r.no(server.SendFile(f, 0, -1, nil))
		r.until("all is received", func() bool { return heard == 16<<20 })
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace, which counts system calls, is not here: ", err)
	}
	counts := filepath.Join(t.TempDir(), "counts")
	child := exec.Command(strace, "-f", "-c", "-o", counts, os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childVariable+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Skipf("strace cannot trace here: %v %s", err, out)
	}
	n := readCounts(t, counts)
	t.Log(n)
	if n["sendfile"] < 16 || n["sendto"] > 100 || n["sendmsg"] > 10 {
		t.Errorf("16 MiB of a file took %d calls of sendfile, %d of sendto, %d of sendmsg", n["sendfile"], n["sendto"], n["sendmsg"])
	}
	if n["mincore"] > n["sendfile"]+10 {
		t.Errorf("%d calls of mincore for %d of sendfile", n["mincore"], n["sendfile"])
	}
}
