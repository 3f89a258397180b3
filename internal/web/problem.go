package web

import (
	"encoding/json"
	"net/http"
)

// problemJSON is an error as RFC 9457 has it: detail says what to do about it.
type problemJSON struct {
	Type    string   `json:"type"`
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Detail  string   `json:"detail"`
	Nearest []string `json:"nearest,omitzero"` // always there, be it empty, where an account is not known
}

// problem answers with an error that people and programs can read. It says nothing of the request, so
// that nobody can make the service say something.
func problem(w http.ResponseWriter, code int, detail string) { problemWith(w, code, detail, nil) }

func problemWith(w http.ResponseWriter, code int, detail string, nearest []string) {
	body, _ := json.Marshal(problemJSON{"about:blank", http.StatusText(code), code, detail, nearest}) // texts and a number have no error
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	h.Del("ETag")
	w.WriteHeader(code)
	_, _ = w.Write(append(harmless(nil, body), '\n'))
}

// Refusal is an error that a reader is told, with the status of its answer.
type Refusal struct {
	Code    int
	Text    string
	Nearest []string // ids that were probably meant, of an account that is not known
	Owner   string   // base address of the instance that answers instead; with http.StatusTemporaryRedirect
}

// Error is the text.
func (r *Refusal) Error() string { return r.Text }

// refuse answers with a refusal.
func refuse(w http.ResponseWriter, r *http.Request, why *Refusal) {
	nearest := why.Nearest
	switch why.Code {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusNotFound:
		if nearest == nil {
			nearest = []string{}
		}
	case http.StatusTemporaryRedirect:
		target := why.Owner + r.URL.EscapedPath()
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", target)
	}
	problemWith(w, why.Code, why.Text, nearest)
}
