package server

import "time"

// How long a shutdown waits: for clients to close when they read that the server does, and then for what was written
// to be sent.
const (
	courtesy = 300 * time.Millisecond
	patience = 900 * time.Millisecond
)

// Shutdown tells every client that the server is going, sends what is queued and closes. It takes at most 1.2 s, and
// the time that the transcript still needs. Clients that have not read by then are cut off. OnClose follows.
// Loop.Shutdown begins with this Shutdown, and bounds it.
func (s *Server) Shutdown() {
	if s.closing {
		return
	}
	s.closing = true
	s.ln.Close()
	for _, ln := range s.more {
		ln.Close()
	}
	if s.web != nil {
		s.web.close()
	}
	s.log.Info("shutting down", "clients", len(s.names))
	for _, r := range s.used {
		for len(r.members) > 0 {
			c := r.members[0]
			s.remove(c)
			s.see(c, goodbye, byShutdown)
		}
	}
	s.last.Start(courtesy, patience)
	s.settle()
}

// hurry closes the connections that a shutdown has left. At its first call it closes those that have been sent everything,
// whether or not their clients close. At its second call it closes all.
func (s *Server) hurry() {
	if s.last.Period() > 0 {
		s.last.SetPeriod(0)
		for _, c := range s.leaving {
			c.conn.Close()
		}
		return
	}
	if len(s.leaving) > 0 {
		s.log.Warn("clients that do not read were cut off", "clients", len(s.leaving))
	}
	for len(s.leaving) > 0 {
		s.cut(s.leaving[0])
	}
	if s.web != nil {
		s.web.cut()
	}
}

// settle ends a shutdown when nothing is left to wait for.
func (s *Server) settle() {
	if !s.closing || s.ended || s.conns > 0 || s.record.unwritten() > 0 {
		return
	}
	s.ended = true
	s.last.Stop()
	s.record.end()
	if s.OnClose != nil {
		s.OnClose()
	}
}
