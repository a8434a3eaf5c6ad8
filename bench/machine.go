package main

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Machine is what the figures were measured on. Without it they say little.
type Machine struct {
	CPU       string
	CoreCount int
	Cores     Cores
	MemoryMiB uint64
	Kernel    string
	TCP       string // congestion control, which paces the sender in some kinds (bbr)
	Go        string
	CC        string
	Libuv     string // "" where there is none
	At        time.Time
}

func describeMachine(cores Cores) Machine {
	m := Machine{
		CPU: cpuModel(), CoreCount: runtime.NumCPU(), Cores: cores,
		Go: runtime.Version(), CC: "no cc", At: time.Now().UTC().Truncate(time.Second),
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.MemoryMiB = uint64(info.Totalram) * uint64(info.Unit) >> 20
	}
	if kind, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control"); err == nil {
		m.TCP = string(bytes.TrimSpace(kind))
	}
	if out, err := exec.Command("cc", "--version").Output(); err == nil {
		first, _, _ := bytes.Cut(out, []byte("\n"))
		m.CC = string(first)
	}
	if out, err := exec.Command("pkg-config", "--modversion", "libuv").Output(); err == nil {
		m.Libuv = "libuv " + string(bytes.TrimSpace(out))
	}
	return m
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
