package main

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"processor/internal/letter"
)

// letterWriter prints letters, one after the other.
type letterWriter interface {
	write(l *letter.Letter, redriven bool) error
	end() error
}

// letterFormats make the writers of -o.
var letterFormats = map[string]func(w io.Writer, values bool) letterWriter{
	"table": func(w io.Writer, values bool) letterWriter { return &letterTable{p: printer{w: w}, values: values} },
	"json":  func(w io.Writer, values bool) letterWriter { return &letterJSON{w: json.NewEncoder(w), values: values} },
	"csv":   func(w io.Writer, values bool) letterWriter { return &letterCSV{w: csv.NewWriter(w), values: values} },
}

// printedLetter is a letter as it is printed. Key and value are texts, or base64 where they are not.
type printedLetter struct {
	Topic     string            `json:"source_topic"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Reason    string            `json:"reason"`
	Detail    string            `json:"detail"`
	At        string            `json:"at"`     // the watermark by which it was judged
	Stored    string            `json:"stored"` // when it was rejected
	Redriven  bool              `json:"redriven"`
	Cut       string            `json:"cut,omitempty"`
	Bytes     int               `json:"value_bytes"`
	Key       *string           `json:"key,omitempty"`
	Value     *string           `json:"value,omitempty"`
	Base64    bool              `json:"base64,omitempty"` // of key and value
	Headers   map[string]string `json:"headers,omitempty"`
}

func printed(l *letter.Letter, redriven, values bool) printedLetter {
	p := printedLetter{
		Topic: l.Position.Topic, Partition: l.Position.Partition, Offset: l.Position.Offset, Reason: string(l.Reason), Detail: l.Detail,
		At: l.At, Stored: l.Stored.Format(time.RFC3339), Redriven: redriven, Cut: l.Cut, Bytes: len(l.Value),
	}
	if !values {
		return p
	}
	p.Base64 = !utf8.Valid(l.Key) || !utf8.Valid(l.Value)
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		s := string(b)
		if p.Base64 {
			s = base64.StdEncoding.EncodeToString(b)
		}
		return &s
	}
	p.Key, p.Value = text(l.Key), text(l.Value)
	for _, h := range l.Headers {
		if p.Headers == nil {
			p.Headers = map[string]string{}
		}
		p.Headers[h.Key] = string(h.Value)
	}
	return p
}

// letterTable has a line for each letter. Its columns have one width from the start, because nothing is kept.
type letterTable struct {
	p      printer
	values bool
	lines  int
}

const letterLine = "%-20s  %-40s  %-22s  %-30s  %-5s  %8s%s\n"

func (t *letterTable) write(l *letter.Letter, redriven bool) error {
	if t.lines == 0 {
		t.p.printf(letterLine, "rejected at", "position", "reason", "detail", "sent", "bytes", "")
	}
	t.lines++
	sent, value := "no", ""
	if redriven {
		sent = "yes"
	}
	if t.values {
		value = "  " + oneLine(string(l.Key), 40) + "  " + oneLine(string(l.Value), 200)
	}
	position := fmt.Sprintf("%s/%d offset %d", l.Position.Topic, l.Position.Partition, l.Position.Offset)
	t.p.printf(letterLine, l.Stored.Format(time.RFC3339), position, string(l.Reason), oneLine(l.Detail, 60), sent, strconv.Itoa(len(l.Value)), value)
	return t.p.err
}

func (t *letterTable) end() error {
	if t.lines == 0 {
		t.p.printf("no dead letters\n")
	}
	return t.p.err
}

// oneLine is a text that a terminal cannot be led astray by: what is no printable character is a dot.
func oneLine(text string, runesMax int) string {
	var out []rune
	for _, r := range text {
		if len(out) == runesMax {
			return string(out) + "..."
		}
		if !unicode.IsPrint(r) {
			r = '.'
		}
		out = append(out, r)
	}
	return string(out)
}

// letterJSON has an object for each letter, one to a line.
type letterJSON struct {
	w      *json.Encoder
	values bool
}

func (j *letterJSON) write(l *letter.Letter, redriven bool) error {
	return j.w.Encode(printed(l, redriven, j.values))
}

func (*letterJSON) end() error { return nil }

// letterCSV has a line for each letter.
type letterCSV struct {
	w      *csv.Writer
	values bool
	begun  bool
}

func (c *letterCSV) write(l *letter.Letter, redriven bool) error {
	if !c.begun {
		c.begun = true
		_ = c.w.Write([]string{"source_topic", "partition", "offset", "reason", "detail", "at", "stored", "redriven", "cut", "value_bytes", "key", "value", "base64"})
	}
	p := printed(l, redriven, c.values)
	// A spreadsheet takes what begins with one of these for a formula.
	safe := func(text string) string {
		if text != "" && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@') {
			return "'" + text
		}
		return text
	}
	return c.w.Write([]string{
		p.Topic, strconv.Itoa(int(p.Partition)), strconv.FormatInt(p.Offset, 10), p.Reason, safe(p.Detail), p.At, p.Stored,
		strconv.FormatBool(p.Redriven), p.Cut, strconv.Itoa(p.Bytes), safe(textOf(p.Key)), safe(textOf(p.Value)), strconv.FormatBool(p.Base64),
	})
}

func (c *letterCSV) end() error {
	c.w.Flush()
	return c.w.Error()
}
