package stream

import (
	"errors"
	"time"

	"example.com/pike/poller"
)

// A policy is what is configured for a connection besides the options of its socket. Policies
// are compared by ==, and so they point at what has functions.
type policy struct {
	watermarks        *Watermarks
	limit             *QueueLimit
	idle, read, write time.Duration // timeouts; 0 is none
	readLimit         int           // 0 is the default
}

// policy is the connections' part of o. It is an error if that makes no sense.
func (o *Options) policy() (policy, error) {
	if o == nil {
		return policy{}, nil
	}
	if err := o.check(); err != nil {
		return policy{}, err
	}
	if !o.Watermarks.valid() || !o.QueueLimit.valid() {
		return policy{}, errInvalid
	}
	if err := validUserTimeout(o.UserTimeout); err != nil {
		return policy{}, err
	}
	return policy{
		watermarks: o.Watermarks, limit: o.QueueLimit,
		idle: max(o.IdleTimeout, 0), read: max(o.ReadTimeout, 0), write: max(o.WriteTimeout, 0),
		readLimit: readLimit(o.ReadLimit),
	}, nil
}

// check is why an option of the socket cannot be, or nil. It has the name that the option has here.
func (o *Options) check() error {
	err := o.socket().Check()
	var e *poller.OptionError
	if errors.As(err, &e) {
		switch e.Name {
		case "RecvBuffer":
			e.Name = "ReadBuffer"
		case "SendBuffer":
			e.Name = "WriteBuffer"
		}
	}
	return err
}

// A conf is what a connection has in common with others of its kind: what the loop shares,
// the policy, the network, and the listener that accepted it, if one did. Connections point at
// one conf instead of at each of these, which keeps them small.
type conf struct {
	*shared
	policy
	network string // as package net calls it
	ln      *Listener
	away    *away // ln, if that is on another loop
}

// conf is a conf that is equal to o. The one asked for last is kept, so that a million connections
// that are all configured alike have one between them.
func (s *shared) conf(o conf) *conf {
	if s.latest == nil || *s.latest != o {
		latest := o
		s.latest = &latest
	}
	return s.latest
}

// configure gives c another policy.
func (c *Conn) configure(p policy) {
	o := *c.conf
	o.policy = p
	c.conf = c.conf.shared.conf(o)
}
