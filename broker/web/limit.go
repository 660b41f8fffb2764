package web

import (
	"time"

	"github.com/tillid/tillid/broker"
)

// warning is how long before the end of a transaction the person is told that it comes: WCAG 2.2, 2.2.1 asks for 20
// seconds at least. Nobody can extend it: how long an abandoned login may be finished is a limit of security.
const warning = time.Minute

// limit is until when a page can be used.
type limit struct {
	Until string // the time of day, rounded down
	Left  int    // seconds, for the script; never negative
	Warn  int    // how many seconds before the end the script warns
	Soon  bool   // the warning is due already, so that it is there without a script too
}

func (p *Pages) limit(w words, tx broker.Transaction) *limit {
	end := p.config.Broker.Expires(tx).In(p.zone)
	left := max(0, end.Sub(p.now()))
	return &limit{Until: w.until(end, p.now()), Left: int(left / time.Second), Warn: int(warning / time.Second), Soon: left <= warning}
}
