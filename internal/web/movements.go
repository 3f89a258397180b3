package web

import (
	"net/http"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/row"
)

// movements answers with movements rows: of one account, all that its shard has; without one, the latest of
// this instance.
func (s *Server) movements(w http.ResponseWriter, r *http.Request, q query) {
	start, end, within, wrong := s.bounds(q.values["interval"])
	var after *aggregate.MovementRow
	if wrong == "" && q.after != nil {
		after, wrong = movementAt(q.after)
	}
	if wrong != "" {
		problem(w, http.StatusBadRequest, wrong)
		return
	}
	l := list{kind: "movements"}
	chosen := page[aggregate.MovementRow]{limit: q.limit, compare: func(a, b aggregate.MovementRow) int { return compareMovements(&a, &b) }}
	take := func(m *aggregate.MovementRow) {
		if within && (m.At < start || m.At >= end) || isOther(q, "class", m.Class.String()) {
			return
		}
		l.total++
		if after == nil || compareMovements(m, after) > 0 {
			own := ownMovement(m)
			parts := *m.Parts
			own.Parts = &parts
			chosen.add(own)
		}
	}
	var watermark event.Time
	complete := true
	if account := q.values["account"]; account != "" {
		if s.options.Asker == nil {
			refuse(w, r, errNoAccounts)
			return
		}
		choose := func(rows []aggregate.MovementRow) {
			for i := range rows {
				take(&rows[i])
			}
		}
		var err error
		if watermark, err = s.options.Asker.Movements(r.Context(), account, choose); err != nil {
			s.refuseOr500(w, r, err)
			return
		}
	} else {
		if !s.enterScan(w, r) {
			return
		}
		defer s.leaveScan()
		status := s.board.Status()
		floor := s.ledger().eachMovement(take)
		watermark = status.Watermark
		complete = len(status.Shards) == status.Of && (floor == event.NoTime || within && start > floor)
		l.more = append(l.more, field{"shards", len(status.Shards)}, field{"shards_of", status.Of})
	}
	rows, more := chosen.rows()
	for i := range rows {
		l.rows = append(l.rows, s.movementRow(&rows[i], watermark))
	}
	if more {
		last := &rows[len(rows)-1]
		l.next = []string{last.At.String(), last.Account, last.Key}
	}
	l.more = append(l.more, field{"complete", complete})
	s.answerList(w, r, q, l)
}

// bounds are the first instant of a named interval and the first one after it; within is false without a
// name.
func (s *Server) bounds(name string) (start, end event.Time, within bool, wrong string) {
	if name == "" {
		return 0, 0, false, ""
	}
	named, ok := aggregate.IntervalNamed(name)
	if !ok {
		return 0, 0, false, IntervalWanted
	}
	start, end = aggregate.NewCalendar(s.options.Zone, s.options.FiscalYearStart).Bounds(named) // one of its own: calendars belong to a goroutine
	return start, end, true, ""
}

// movementRow is a row as the topic has it, but for its version.
func (s *Server) movementRow(m *aggregate.MovementRow, watermark event.Time) []byte {
	return withoutVersion(s.encoder().Movement(nil, m, row.Stamp{KnownAt: watermark}))
}

// movementAt is the place of a cursor.
func movementAt(key []string) (at *aggregate.MovementRow, wrong string) {
	if len(key) != 3 {
		return nil, cursorWanted
	}
	instant, ok := event.ParseTime([]byte(key[0]))
	if !ok {
		return nil, cursorWanted
	}
	return &aggregate.MovementRow{Account: key[1], Movement: aggregate.Movement{At: instant, Key: key[2]}}, ""
}
