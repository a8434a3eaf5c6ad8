//go:build unix

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"example.com/pike/examples/internal/program"
)

func TestWorker(t *testing.T) {
	path := program.Build(t)
	dir := t.TempDir()
	var files, sums []string
	for i := range 5 {
		name := filepath.Join(dir, fmt.Sprint(i))
		data := make([]byte, i<<20)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
		sums = append(sums, fmt.Sprintf("%x  %s", sha256.Sum256(data), name))
	}
	t.Run("to the end", func(t *testing.T) {
		program.Start(t, path, files...).Ends(0, append(sums, "5 hashed, 0 failed, 0 canceled")...)
	})
	t.Run("a file that is not there", func(t *testing.T) {
		p := program.Start(t, path, filepath.Join(dir, "gone"), files[0])
		p.Ends(1, "gone: no such file or directory", sums[0], "1 hashed, 1 failed, 0 canceled")
	})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			// One worker, whose second file does not end; the third is never begun.
			p := program.Start(t, path, "-workers", "1", files[1], "/dev/zero", files[2])
			p.Expect(sums[1])
			p.Signal(sig)
			p.Ends(0, sig.String()+": canceling 2 files", "/dev/zero: canceled: interrupted",
				files[2]+": canceled: interrupted", "1 hashed, 0 failed, 2 canceled")
		})
	}
	t.Run("timeout", func(t *testing.T) {
		p := program.Start(t, path, "-workers", "1", "-timeout", "50ms", "/dev/zero", files[0])
		p.Ends(0, "/dev/zero: canceled: i/o timeout", files[0]+": canceled: i/o timeout", "0 hashed, 0 failed, 2 canceled")
	})
	t.Run("bad flags", func(t *testing.T) {
		program.Start(t, path).Ends(2, "worker: give files to hash;")
		program.Start(t, path, "-workers", "0", files[0]).Ends(2)
	})
}
