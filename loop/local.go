package loop

// Local returns what make made for key on this loop, and makes it the first
// time: a place for what a package shares among its handles on one loop, its
// free lists say. Keys are compared with ==; use an unexported type.
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
