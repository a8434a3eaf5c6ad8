package main

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/pike/poller"
)

const (
	// fresh is how long what was found out about a file holds.
	fresh = time.Second

	// filesMost is how many files are open for who asks next. Those that are being sent come on top.
	filesMost = 256

	timeFormat = "Mon, 02 Jan 2006 15:04:05 GMT" // RFC 9110, 5.6.7
)

// A file is one that is open, and what its answers have in common.
type file struct {
	f        *os.File
	size     int64
	modified time.Time
	date     string // modified
	tag      string
	fields   []byte
	until    poller.Time // when it is to be looked at again
	users    int         // answers that send it
	gone     bool        // it is in the cache no more, and is closed by the last of them
}

// A miss is why there is no file.
type miss struct {
	status   int
	location string // of a 301
}

func (m *miss) Error() string { return fmt.Sprint(m.status) }

// open finds the file of a target. It asks the disk, and runs off the loop.
func open(root *os.Root, target string) (*file, error) {
	name, err := url.PathUnescape(target)
	if err != nil || strings.IndexByte(name, 0) >= 0 {
		return nil, &miss{status: 400}
	}
	clean := path.Clean("/" + name) // so that .. ends at the root
	folder := strings.HasSuffix(name, "/")
	local, err := filepath.Localize(path.Join(".", clean))
	if clean == "/" {
		local, err = ".", nil
	}
	if err != nil {
		return nil, &miss{status: 404}
	}
	st, err := root.Stat(local) // before Open, which would wait for who writes to a FIFO
	if err == nil && st.IsDir() {
		if !folder {
			return nil, &miss{301, (&url.URL{Path: clean + "/"}).EscapedPath()}
		}
		local = filepath.Join(local, "index.html")
		st, err = root.Stat(local)
	} else if err == nil && folder {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, missing(err)
	}
	if !st.Mode().IsRegular() {
		return nil, &miss{status: 403}
	}
	f, err := root.Open(local)
	if err != nil {
		return nil, missing(err)
	}
	if st, err = f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, &miss{status: 403}
	}
	return newFile(f, st, mime.TypeByExtension(filepath.Ext(local))), nil
}

// missing says nothing of a link that leads out of the root, but that there is nothing.
func missing(err error) *miss {
	if errors.Is(err, fs.ErrPermission) {
		return &miss{status: 403}
	}
	return &miss{status: 404}
}

func newFile(f *os.File, st fs.FileInfo, kind string) *file {
	if kind == "" {
		kind = "application/octet-stream"
	}
	e := &file{f: f, size: st.Size(), modified: st.ModTime().UTC().Truncate(time.Second)}
	e.date = e.modified.Format(timeFormat)
	e.tag = fmt.Sprintf(`"%x-%x"`, st.ModTime().UnixNano(), st.Size())
	e.fields = fmt.Appendf(nil, "Last-Modified: %s\r\nETag: %s\r\nAccept-Ranges: bytes\r\nContent-Type: %s\r\n", e.date, e.tag, kind)
	return e
}

// release is when an answer has been sent, or never will be.
func (e *file) release() {
	if e.users--; e.users == 0 && e.gone {
		e.f.Close()
	}
}

// drop takes e out of use, when the last answer is sent.
func (e *file) drop() {
	e.gone = true
	if e.users == 0 {
		e.f.Close()
	}
}

// A cache has the files that are open, by target. The first that came in is the first that goes.
type cache struct {
	files map[string]*file
	order []string
}

// find is the file of target, if it is there and fresh.
func (k *cache) find(target []byte, now poller.Time) *file {
	e := k.files[string(target)]
	if e == nil || now >= e.until {
		return nil
	}
	return e
}

// forget drops what was at a target, because it is there no more.
func (k *cache) forget(target string) {
	if e := k.files[target]; e != nil {
		e.drop()
		delete(k.files, target)
		k.order = slices.DeleteFunc(k.order, func(t string) bool { return t == target })
	}
}

func (k *cache) put(target string, e *file) {
	if old := k.files[target]; old != nil {
		old.drop()
	} else {
		if len(k.order) == filesMost {
			k.files[k.order[0]].drop()
			delete(k.files, k.order[0])
			k.order = append(k.order[:0], k.order[1:]...)
		}
		k.order = append(k.order, target)
	}
	k.files[target] = e
}

func (k *cache) clear() {
	for _, e := range k.files {
		e.drop()
	}
	*k = cache{files: map[string]*file{}}
}
