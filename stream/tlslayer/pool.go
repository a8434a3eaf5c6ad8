package tlslayer

import "example.com/pike/poller"

// A pool is what the streams of a poller share: no buffer belongs to one that is idle. Where
// TLS is over TLS, each has its own, because one deciphers what the other has just handed up.
type pool struct {
	plain  []byte // what Received is given
	gather []byte // small buffers that become one record
	small  [][]byte
	whole  [][]byte
	large  [][]byte
	spare  []*output
}

type poolKey struct{ depth uint8 }

func poolOf(env poller.Env, depth uint8) *pool {
	return env.Local(poolKey{depth}, func() any { return &pool{plain: make([]byte, maxPlaintext)} }).(*pool)
}

const (
	maxPlaintext = 16 << 10 // of a record (RFC 8446, 5.1)
	headerLen    = 5        // of a record: type, version, length
	maxOverhead  = 256      // of a record beyond its plaintext, the header left out (RFC 8446, 5.2)

	sealMost    = 64 << 10 // plaintext that is sealed at a time, so that memory follows what a peer takes
	smallPlain  = 1 << 10  // so much goes into a small buffer
	smallCipher = 2 << 10
	wholeCipher = headerLen + maxPlaintext + maxOverhead // a record
	largeCipher = sealMost/maxPlaintext*(headerLen+maxPlaintext+maxOverhead) + 1024
	spareSmall  = 1024
	spareWhole  = 64
	spareLarge  = 16
)

// take gives a buffer for what n bytes become.
func (p *pool) take(n int) []byte {
	of, size := &p.large, largeCipher
	if n <= smallPlain {
		of, size = &p.small, smallCipher
	}
	return takeFrom(of, size)
}

// takeCipher gives a buffer for n bytes of ciphertext.
func (p *pool) takeCipher(n int) []byte {
	switch {
	case n <= smallCipher:
		return takeFrom(&p.small, smallCipher)
	case n <= wholeCipher:
		return takeFrom(&p.whole, wholeCipher)
	case n <= largeCipher:
		return takeFrom(&p.large, largeCipher)
	}
	return make([]byte, 0, n)
}

func takeFrom(of *[][]byte, size int) []byte {
	last := len(*of) - 1
	if last < 0 {
		return make([]byte, 0, size)
	}
	b := (*of)[last]
	(*of)[last] = nil
	*of = (*of)[:last]
	return b
}

func (p *pool) put(b []byte) {
	switch {
	case cap(b) == smallCipher && len(p.small) < spareSmall:
		p.small = append(p.small, b[:0])
	case cap(b) == wholeCipher && len(p.whole) < spareWhole:
		p.whole = append(p.whole, b[:0])
	case cap(b) == largeCipher && len(p.large) < spareLarge:
		p.large = append(p.large, b[:0])
	}
}

// output gives an output without a buffer.
func (p *pool) output() *output {
	last := len(p.spare) - 1
	if last < 0 {
		return new(output)
	}
	o := p.spare[last]
	p.spare[last] = nil
	p.spare = p.spare[:last]
	return o
}

// release takes an output back.
func (p *pool) release(o *output) {
	p.put(o.cipher)
	*o = output{recs: o.recs[:0]}
	if len(p.spare) < spareSmall {
		p.spare = append(p.spare, o)
	}
}
