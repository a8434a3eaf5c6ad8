package signal

import "strings"

// Explain says which signals are waited for, for Loop.Explain.
func (w *Watcher) Explain() string {
	if w.Loop().Maker().Check("signal.Watcher.Explain") != nil {
		return ""
	}
	if len(w.sigs) == 0 {
		return "all signals"
	}
	names := make([]string, len(w.sigs))
	for i, s := range w.sigs {
		names[i] = s.String()
	}
	return strings.Join(names, ", ")
}
