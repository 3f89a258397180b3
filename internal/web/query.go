package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The bounds of one page.
const (
	limitDefault = 100
	limitMax     = 1000
)

// parameter is one parameter of a route. The document and the check of requests come from it.
type parameter struct {
	name  string
	doc   string
	words []string // the closed set of values, if it is one
}

// What every list takes.
var paging = []parameter{
	{name: "limit", doc: fmt.Sprintf("Rows of a page, from 1 to %d; %d when absent.", limitMax, limitDefault)},
	{name: "cursor", doc: "The `next` of the page before, to the same question."},
	{name: "format", doc: "Form of the answer; `Accept: text/csv` asks for csv as well.", words: []string{"json", "csv"}},
}

// query is what a request asks for, checked.
type query struct {
	values map[string]string
	limit  int
	after  []string // of the cursor; nil: from the start
}

// ask reads the parameters of a request; wrong says what is not understood, in words that are ours.
func ask(r *http.Request, allowed []parameter) (q query, wrong string) {
	q = query{values: map[string]string{}, limit: limitDefault}
	given := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(allowed, func(p parameter) bool { return p.name == name })
		if i < 0 {
			return q, namesOf(allowed)
		}
		value := given[name][len(given[name])-1]
		if words := allowed[i].words; words != nil && !slices.Contains(words, value) {
			return q, name + " is one of " + strings.Join(words, ", ")
		}
		q.values[name] = value
	}
	if text, given := q.values["limit"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > limitMax {
			return q, fmt.Sprintf("limit is a number from 1 to %d", limitMax)
		}
		q.limit = n
	}
	if text := q.values["cursor"]; text != "" {
		if q.after = q.open(text); q.after == nil {
			return q, "cursor is the `next` of an answer to the same question; leave it out to begin anew"
		}
	}
	return q, ""
}

// namesOf says which parameters there are.
func namesOf(allowed []parameter) string {
	var names []string
	for _, p := range allowed {
		names = append(names, p.name)
	}
	switch n := len(names); n {
	case 0:
		return "there are no parameters here"
	case 1:
		return "the parameter is " + names[0]
	default:
		return "the parameters are " + strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// cursor is an opaque text for the key of the last row of a page.
func (q query) cursor(key []string) string {
	text, err := json.Marshal(append([]string{q.mark()}, key...))
	if err != nil {
		panic("web: " + err.Error()) // texts have no error
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// open reads a cursor; nil when it is none, or one of another question.
func (q query) open(cursor string) (key []string) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &key) != nil || len(key) < 2 || key[0] != q.mark() {
		return nil
	}
	return key[1:]
}

// mark tells questions apart: all that chooses and orders rows.
func (q query) mark() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(q.values)) {
		if name != "cursor" && name != "limit" && name != "format" {
			h.Write(strconv.AppendQuote(nil, name))
			h.Write(strconv.AppendQuote([]byte{'='}, q.values[name]))
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:6])
}

// page keeps the first rows, in an order, of all that it is given. It holds at most about twice as many.
type page[T any] struct {
	limit   int
	compare func(a, b T) int
	kept    []T
}

func (p *page[T]) add(row T) {
	if p.kept = append(p.kept, row); len(p.kept) >= 2*p.limit+64 {
		p.cut()
	}
}

// cut keeps one row more than wanted, to know that there is one.
func (p *page[T]) cut() {
	slices.SortFunc(p.kept, p.compare)
	p.kept = p.kept[:min(len(p.kept), p.limit+1)]
}

// rows are the rows of the page; more says that others follow.
func (p *page[T]) rows() (rows []T, more bool) {
	p.cut()
	return p.kept[:min(len(p.kept), p.limit)], len(p.kept) > p.limit
}
