package timer

import "time"

// Explain says when the timer fires, for Loop.Explain: "fires in 3s, then every 5s".
func (t *Timer) Explain() string {
	if t.lp().Check("timer.Timer.Explain") != nil {
		return ""
	}
	text := "is not armed"
	if t.timeout.Armed() {
		text = "fires now"
		if left := t.timeout.Due().Sub(t.lp().Poller().Now()); left > 0 {
			text = "fires in " + left.Round(time.Microsecond).String()
		}
	}
	if t.period > 0 {
		text += ", then every " + t.period.String()
	}
	return text
}
