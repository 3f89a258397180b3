package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/row"
)

// Asker answers questions about accounts of this instance. A Refusal says why it does not: an account of
// another instance has one with that instance's address.
type Asker interface {
	// Account is the account's row now, and the watermark that it is of.
	Account(ctx context.Context, account string) (aggregate.AccountRow, event.Time, error)
	// Movements calls choose with all movements rows of the account, in booked order; what choose keeps must
	// be its own. The watermark is what they are of.
	Movements(ctx context.Context, account string, choose func(rows []aggregate.MovementRow)) (event.Time, error)
}

// account answers with the row of one account.
func (s *Server) account(w http.ResponseWriter, r *http.Request, _ query) {
	if s.options.Asker == nil {
		refuse(w, r, errNoAccounts)
		return
	}
	found, watermark, err := s.options.Asker.Account(r.Context(), r.PathValue("id"))
	if err != nil {
		s.refuseOr500(w, r, err)
		return
	}
	answer(w, r, s.accountRow(&found, watermark))
}

var errNoAccounts = &Refusal{Code: http.StatusServiceUnavailable, Text: "there are no accounts here"}

// refuseOr500 answers with a Refusal, or says that the log knows more.
func (s *Server) refuseOr500(w http.ResponseWriter, r *http.Request, err error) {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		refuse(w, r, refusal)
		return
	}
	s.failed(w, r, err)
}

// accountRow is the row of an account as the topic has it, but for its version.
func (s *Server) accountRow(a *aggregate.AccountRow, watermark event.Time) []byte {
	whole := *a
	if whole.Windows == nil {
		whole.Windows = make([]aggregate.WindowSums, len(s.options.Windows))
	}
	return withoutVersion(s.encoder().Account(nil, &whole, row.Stamp{KnownAt: watermark}))
}

// The orders of a list of accounts.
const (
	byExpansion   = "expansion"
	byContraction = "contraction"
	byNetChange   = "net_change"
	byMRR         = "mrr"
	byReadiness   = "readiness_index"
	byAccount     = "account"
)

// accountList is what a list of accounts is asked for.
type accountList struct {
	amount   func(*aggregate.AccountRow) money.Amount // that orders them; nil: their ids do
	onlySome bool                                     // accounts without the amount are left out
	rising   bool                                     // the smallest first
	status   string
	gated    string         // true or false; "" for both
	segment  map[int]string // the values of dimensions, by their place
}

// listed is an account of a list with the amount that orders it.
type listed struct {
	amount  money.Amount
	account aggregate.AccountRow
}

func (l *accountList) compare(a, b listed) int {
	by := b.amount.Cmp(a.amount)
	if l.rising {
		by = -by
	}
	return cmp.Or(by, strings.Compare(a.account.Account, b.account.Account))
}

func (l *accountList) chooses(a *aggregate.AccountRow) bool {
	if l.status != "" && l.status != a.Status {
		return false
	}
	if l.gated != "" && (a.Readiness == nil || l.gated != strconv.FormatBool(a.Readiness.Gated != 0)) {
		return false
	}
	for place, value := range l.segment {
		if a.Dims == nil || a.Dims.Values[place] != value {
			return false
		}
	}
	return !l.onlySome || !l.amount(a).IsZero()
}

// accounts answers with the accounts of this instance that expand most, shrink most, or pay most.
func (s *Server) accounts(w http.ResponseWriter, r *http.Request, q query) {
	order, wrong := s.accountList(q)
	var after *listed
	if wrong == "" && q.after != nil {
		after, wrong = listedAt(q.after)
	}
	if wrong != "" {
		problem(w, http.StatusBadRequest, wrong)
		return
	}
	if !s.enterScan(w, r) {
		return
	}
	defer s.leaveScan()
	l := list{kind: "accounts"}
	chosen := page[listed]{limit: q.limit, compare: order.compare}
	known := s.ledger().eachAccount(func(a *aggregate.AccountRow) {
		if !order.chooses(a) {
			return
		}
		l.total++
		one := listed{account: *a}
		if order.amount != nil {
			one.amount = order.amount(a)
		}
		if after == nil || order.compare(one, *after) > 0 {
			chosen.add(one)
		}
	})
	status := s.board.Status()
	rows, more := chosen.rows()
	for i := range rows {
		l.rows = append(l.rows, s.accountRow(&rows[i].account, status.Watermark))
	}
	if more {
		last := rows[len(rows)-1]
		l.next = []string{last.amount.String(), last.account.Account}
	}
	l.more = []field{{"shards", len(status.Shards)}, {"shards_of", status.Of}, {"omitted", max(0, status.Accounts-known)}}
	s.answerList(w, r, q, l)
}

// listedAt is the place of a cursor.
func listedAt(key []string) (at *listed, wrong string) {
	if len(key) != 2 {
		return nil, cursorWanted
	}
	amount, err := money.Parse(key[0])
	if err != nil {
		return nil, cursorWanted
	}
	return &listed{amount, aggregate.AccountRow{Account: key[1]}}, ""
}

// accountList reads what a list is asked for.
func (s *Server) accountList(q query) (l accountList, wrong string) {
	l.status, l.gated, l.rising = q.values["status"], q.values["gated"], q.values["order"] == "asc"
	window := q.values["window"]
	if window == "" {
		window = s.windowDefault()
	}
	place := slices.IndexFunc(s.options.Windows, func(w aggregate.Window) bool { return w.Name == window })
	of := func(pick func(*aggregate.WindowSums) money.Amount) {
		l.onlySome = true
		l.amount = func(a *aggregate.AccountRow) money.Amount {
			if place >= len(a.Windows) {
				return money.Amount{}
			}
			return pick(&a.Windows[place])
		}
	}
	sort := q.values["sort"]
	if sort == "" {
		sort = byExpansion
	}
	if place < 0 && (sort == byExpansion || sort == byContraction || sort == byNetChange) {
		return l, "no window is configured: sort by mrr or account, or set windows in the configuration"
	}
	switch sort {
	case byExpansion:
		of(func(w *aggregate.WindowSums) money.Amount { return w.Expansion })
	case byContraction:
		of(func(w *aggregate.WindowSums) money.Amount { return w.Contraction })
	case byNetChange:
		of(func(w *aggregate.WindowSums) money.Amount { return w.NetChange })
	case byMRR:
		l.amount = func(a *aggregate.AccountRow) money.Amount { return a.MRR }
	case byReadiness:
		l.onlySome = true
		l.amount = func(a *aggregate.AccountRow) money.Amount {
			if a.Readiness == nil {
				return money.Amount{}
			}
			return money.Units(int64(a.Readiness.Index))
		}
	case byAccount:
	}
	l.segment, wrong = s.segmentValues(q.values["grouping"], q.values["segment"])
	return l, wrong
}

// windowDefault is 30 days where they are configured, and else the longest window.
func (s *Server) windowDefault() (name string) {
	for _, w := range s.options.Windows {
		if name = w.Name; name == "30d" {
			break
		}
	}
	return name
}

// segmentValues are the values that a segment stands for, by the places of its dimensions.
func (s *Server) segmentValues(grouping, segment string) (values map[int]string, wrong string) {
	if grouping == "" && segment == "" || grouping == aggregate.SegmentAll {
		return nil, ""
	}
	if grouping == "" || segment == "" {
		return nil, "grouping and segment belong together, as grouping=region and segment=eu"
	}
	if !slices.Contains(s.options.Groupings, grouping) {
		return nil, "there is no such grouping in the configuration"
	}
	names, parts := strings.Split(grouping, ","), strings.Split(segment, ",")
	if len(names) != len(parts) {
		return nil, "a segment has a value for each dimension of its grouping, separated by commas"
	}
	values = map[int]string{}
	for i, name := range names {
		place := slices.Index(s.options.Dimensions, name)
		if place < 0 {
			return nil, "accounts have no product family or motion: choose another grouping"
		}
		value, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil, "a segment is named as its rows of metrics name it"
		}
		if value == aggregate.SegmentMissing {
			value = ""
		}
		values[place] = value
	}
	return values, ""
}
