// Instructions counts what pike executes for a fixed piece of work, and compares that with what was counted before: a clock
// tells nothing on a machine that others use as well, and the number of instructions is the same there. The work
// is some of the benchmarks, each with a fixed number of rounds, under callgrind of Valgrind. Counted is what
// functions of pike execute themselves, without the runtime, package crypto/tls and the benchmark.
//
//	go run ./.ci/instructions            compares with baseline.txt, and exits with 1 if one has grown by more than 3 %
//	go run ./.ci/instructions -update    writes baseline.txt
//
// Another version of Go compiles to other instructions. Then, and on another processor, nothing is compared. Run -update on
// the commit before yours in that case.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// A work is a benchmark and how often it is run.
type work struct {
	folder, benchmark string
	rounds            int
}

var works = []work{
	{"stream", "Echo/64$", 1000},
	{"stream", "Broadcast$", 40},
	{"stream", "Accept$", 100},
	{"stream/frame", "Frame/16$", 200},
	{"stream/tlslayer", "Echo/crypto-tls", 100},
	{"stream/tlslayer", "Echo/own-records", 100},
	{"udp", "Transfer/OnReadBatch", 2560},
	{"timer", "World$", 2000},
	{"loop", "Post$", 2000},
}

const baselineFile = ".ci/instructions/baseline.txt"

func main() {
	update := flag.Bool("update", false, "write the baseline")
	flag.Parse()
	if err := run(*update); err != nil {
		fmt.Fprintln(os.Stderr, "instructions:", err)
		os.Exit(1)
	}
}

func run(update bool) error {
	dir, err := os.MkdirTemp("", "instructions")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	old, err := readCounts(baselineFile)
	if err != nil && !update {
		return err
	}
	now := counts{made: runtime.Version() + " " + runtime.GOARCH, of: map[string]count{}}
	for _, w := range works {
		c, err := w.measure(dir)
		was := old.of[w.name()]
		for tries := 0; tries < 3 && err == nil && was != nil && !update && c.sum() > was.sum()*(1+mayGrow); tries++ {
			var again count // the system may have put together less than it does mostly
			if again, err = w.measure(dir); err == nil && again.sum() < c.sum() {
				c = again
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.name(), err)
		}
		now.add(w.name(), c)
	}
	if update {
		return os.WriteFile(baselineFile, now.text(), 0o666)
	}
	text, grown := compare(old, now)
	fmt.Print(text)
	if grown {
		return errors.New("more than before; if that is meant, run it with -update")
	}
	return nil
}

func (w work) name() string { return w.folder + " " + w.benchmark }

// measure is the instructions of a round: what twice as many rounds take more, so that nothing is counted of the beginning.
func (w work) measure(dir string) (count, error) {
	binary := filepath.Join(dir, filepath.Base(w.folder)+".test")
	if _, err := os.Stat(binary); err != nil {
		if out, err := exec.Command("go", "test", "-c", "-o", binary, "./"+w.folder).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
	}
	profile := filepath.Join(dir, "callgrind.out")
	once, err := w.profile(binary, profile, w.rounds)
	if err != nil {
		return nil, err
	}
	twice, err := w.profile(binary, profile, 2*w.rounds)
	if err != nil {
		return nil, err
	}
	return twice.minus(once, w.rounds)
}

// profile runs the work under callgrind. It tries again if that dies: Valgrind does not promise to run Go programs.
func (w work) profile(binary, file string, rounds int) (c count, err error) {
	for range 3 {
		if c, err = w.profileOnce(binary, file, rounds); err == nil {
			break
		}
	}
	return c, err
}

func (w work) profileOnce(binary, file string, rounds int) (count, error) {
	cmd := exec.Command("timeout", "120", "valgrind", "--tool=callgrind", "--callgrind-out-file="+file, "--log-file="+file+".log",
		binary, "-test.run=^$", "-test.bench=^Benchmark"+w.benchmark, fmt.Sprintf("-test.benchtime=%dx", rounds), "-test.timeout=100s")
	cmd.Dir = w.folder
	// One thread runs Go code, and the collector does not come in between. Valgrind does not know RDTSCP.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.rdtscp=off")
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out[max(len(out)-2000, 0):])
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parse(f)
}
