package loop

// Local returns what make has made for key on this loop. The first call makes it. It is a
// place for what a package shares among its handles on one loop, its free lists for example.
// Keys are compared with ==; use an unexported type.
func (m *Maker) Local(key any, make func() any) any {
	l := m.l()
	if l.checkCaller("loop.Maker.Local") != nil {
		return make() // which is nobody else's
	}
	v, ok := l.locals[key]
	if !ok {
		v = make()
		if l.locals == nil {
			l.locals = map[any]any{}
		}
		l.locals[key] = v
	}
	return v
}
