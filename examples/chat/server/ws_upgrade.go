package server

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A joining is what the address of a WebSocket asks for: /ws?name=ann&room=lobby&room=go.
type joining struct {
	name  string
	rooms []string
}

// joiningOf is for who asks for nothing, or for nonsense, the lobby.
func joiningOf(q url.Values) *joining {
	j := &joining{name: q.Get("name")}
	for _, r := range q["room"] {
		if name := "#" + r; validRoom(name) && len(j.rooms) < roomsMost {
			j.rooms = append(j.rooms, name)
		}
	}
	if len(j.rooms) == 0 {
		j.rooms = []string{"#lobby"}
	}
	return j
}

// acceptKey is the answer to a Sec-WebSocket-Key (RFC 6455, 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// upgradable is the status of the answer to a request for a WebSocket: 101, or what is wrong. Extensions that are
// offered, compression say, are declined by not naming them in the answer (RFC 6455, 9.1).
func upgradable(r *http.Request) int {
	h := r.Header
	key, err := base64.StdEncoding.DecodeString(h.Get("Sec-WebSocket-Key"))
	switch {
	case r.Method != "GET":
		return http.StatusMethodNotAllowed
	case !r.ProtoAtLeast(1, 1) || !hasToken(h["Connection"], "upgrade") || !hasToken(h["Upgrade"], "websocket"):
		return http.StatusUpgradeRequired
	case h.Get("Sec-WebSocket-Version") != "13" || len(h.Values("Sec-WebSocket-Version")) > 1:
		return http.StatusUpgradeRequired
	case err != nil || len(key) != 16 || len(h.Values("Sec-WebSocket-Key")) > 1:
		return http.StatusBadRequest
	}
	return http.StatusSwitchingProtocols
}

// hasToken reports whether a list that is spread over fields has a token, in whatever case.
func hasToken(fields []string, token string) bool {
	for _, f := range fields {
		for t := range strings.SplitSeq(f, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// origin reports whether a page may use the server: one of the server's own, or one of the hosts that are allowed. A
// browser says by Origin whose page it is. Who sends none is no browser, and could say anything.
func (w *Web) origin(r *http.Request, local netip.AddrPort) bool {
	if !w.host(r.Host, local) {
		return false
	}
	fields := r.Header["Origin"]
	if len(fields) == 0 {
		return true
	}
	u, err := url.Parse(fields[0])
	if err != nil || len(fields) > 1 || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || w.allowed(u.Host)
}

// host reports whether the name under which a browser knows the server is one that it has. Where it serves its own
// machine alone, a name in the DNS that leads there is somebody else's: by it a page on the net would have an origin that
// looks like ours (DNS rebinding).
func (w *Web) host(host string, local netip.AddrPort) bool {
	if !local.Addr().Unmap().IsLoopback() || w.allowed(host) {
		return true
	}
	name := (&url.URL{Host: host}).Hostname()
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback() || strings.EqualFold(name, "localhost")
}

func (w *Web) allowed(host string) bool {
	return slices.ContainsFunc(w.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}
