package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
)

//go:embed static
var static embed.FS

// files are the page's files by path, each with its type and a tag of its content: all of the folder that a
// browser reads.
var files = map[string]file{
	"/":         load("index.html", "text/html; charset=utf-8"),
	"/icon.svg": load("icon.svg", "image/svg+xml"),
}

func init() {
	for kind, names := range map[string][]string{
		"text/css; charset=utf-8": {"style.css", "panels.css", "vendor/uplot/uPlot.min.css"},
		"text/javascript; charset=utf-8": {
			"page.js", "choice.js", "dom.js", "format.js", "chart.js", "trend.js", "tree.js", "segments.js", "cohort.js", "lists.js",
			"outside.js", "account.js", "vendor/uplot/uPlot.esm.js",
		},
	} {
		for _, name := range names {
			files["/"+name] = load(name, kind)
		}
	}
}

type file struct {
	content string
	kind    string
	tag     string
}

func load(name, kind string) file {
	content, err := static.ReadFile("static/" + name)
	if err != nil {
		panic(err) // the compiler embedded the folder: the name above is wrong
	}
	sum := sha256.Sum256(content)
	return file{content: string(content), kind: kind, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// page answers with a file of the page. A browser asks again each time and mostly hears that
// nothing changed, so that a new version is seen at once.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	f, ok := files[r.URL.Path]
	if !ok {
		problem(w, http.StatusNotFound, "there is nothing here; the page is at /")
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.tag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	_, _ = w.Write([]byte(f.content))
}
