package pollertest

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// Wine is the version of the Wine below this process, and empty on Windows itself
// and elsewhere: for tests of what Wine does differently.
func Wine() string {
	p := windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version")
	if p.Find() != nil {
		return ""
	}
	r, _, _ := p.Call()
	return windows.BytePtrToString(*(**byte)(unsafe.Pointer(&r)))
}
