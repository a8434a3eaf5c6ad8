package loop_test

import (
	"os"
	"syscall"
	"testing"

	"example.com/pike/loop"
	"example.com/pike/poller"
)

// readsCached reports whether the file system reads what is cached without waiting.
func readsCached(t *testing.T, f *os.File) bool {
	t.Helper()
	r, ok := newLoop(t, loop.Options{}).Maker().Poller().(poller.FileReader)
	if !ok {
		return false
	}
	_, err := r.ReadFile(f.Fd(), make([]byte, 1), 0)
	return err == nil
}

// What was dropped from the cache is read by a job, so that the loop does not wait for the disk.
func TestReadFileOfWhatIsNotCached(t *testing.T) {
	e := new(executorOfFiles)
	lp := newLoop(t, loop.Options{Executor: e})
	f := fileOf(t, make([]byte, 1<<20))
	no(t, f.Sync())
	const dontNeed = 4 // POSIX_FADV_DONTNEED
	if _, _, e := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); e != 0 {
		t.Skip("nothing can be dropped from the cache: ", e)
	}
	told := false
	no(t, loop.ReadFile(lp, f, make([]byte, 1<<20), 0, func(n int, err error) { no(t, err); told = n == 1<<20 }))
	no(t, lp.Run())
	if !told || e.jobs.Load() != 1 {
		t.Errorf("read: %v, by %d jobs", told, e.jobs.Load())
	}
}
