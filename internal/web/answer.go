package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// list is an answer of rows.
type list struct {
	kind  string   // of the rows: a name in Server.kinds
	rows  [][]byte // flat JSON objects
	total int      // chosen, over all pages
	next  []string // where the next page begins; nil: this is the last
	more  []field  // beside total, rows and next
}

// answerList sends rows as the request wants them.
func (s *Server) answerList(w http.ResponseWriter, r *http.Request, q query, l list) {
	next := ""
	if l.next != nil {
		next = q.cursor(l.next)
		w.Header().Set("Link", "<"+nextURL(r, next)+`>; rel="next"`)
	}
	if wantsCSV(r, q) {
		var out bytes.Buffer
		if err := writeCSV(&out, s.kinds[l.kind].columns, l.rows); err != nil {
			s.failed(w, r, err)
			return
		}
		send(w, r, "text/csv; charset=utf-8; header=present", out.Bytes())
		return
	}
	body := append([]byte(`{"total":`), strconv.Itoa(l.total)...)
	body = append(body, `,"rows":[`...)
	for i, row := range l.rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, row...)
	}
	body = append(body, `],"next":`...)
	body = appendValue(body, orNull(next))
	for _, f := range l.more {
		body = append(body, ',')
		body = append(appendValue(body, f.name), ':')
		body = appendValue(body, f.value)
	}
	send(w, r, "application/json", append(harmless(nil, append(body, '}')), '\n'))
}

// appendValue appends a value that can always be encoded.
func appendValue(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("web: " + err.Error()) // texts, numbers and lists of them have no error
	}
	return append(dst, text...)
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// answer sends one JSON document.
func answer(w http.ResponseWriter, r *http.Request, body []byte) {
	send(w, r, "application/json", append(harmless(nil, body), '\n'))
}

// send sends an answer with a tag of its content: who has it already is only told so.
func send(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Accept, Authorization")
	h.Set("ETag", tag)
	if hasTag(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// hasTag compares weakly, as If-None-Match does.
func hasTag(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

func wantsCSV(r *http.Request, q query) bool {
	if format := q.values["format"]; format != "" {
		return format == "csv"
	}
	return strings.HasPrefix(r.Header.Get("Accept"), "text/csv")
}

// nextURL is the request's own path with the cursor of the next page. It has no host: a relative reference
// is right behind every proxy.
func nextURL(r *http.Request, cursor string) string {
	values := url.Values{}
	for name, all := range r.URL.Query() {
		values.Set(name, all[len(all)-1])
	}
	values.Set("cursor", cursor)
	return "?" + values.Encode()
}

// failed is an answer that could not be made; the log says why.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) {
	s.options.Log.ErrorContext(r.Context(), "an answer failed", "path", r.URL.Path, "error", err)
	problem(w, http.StatusInternalServerError, "the answer failed; the log says why")
}
