package config

import "slices"

// key is one row of the table: everything the program knows about one setting. The type behind
// field (or ofSource) decides how a value is read, checked, printed and described.
type key struct {
	path    string
	doc     string
	initial string   // the default as it would be written; empty: none
	words   []string // the closed set of values, if it is one
	check   check    // what a text must look like besides
	least   int64    // bounds of a number, a count of bytes, or a duration
	most    int64    //
	example string   // for the reference, where there is no default
	repeats bool     // a list may have one text twice

	field    func(*Config) any // nil: a part that does not exist yet
	ofSource func(*Source) any // instead of field, for the keys of one source
}

// check looks at a text and says what is wrong, or "".
type check func(text string) string

// sections of the file that every command reads. `run` reads the others too; to `replay` they
// are somebody else's, so it looks only for unknown keys there. Limits are among them because
// they decide which events are rejected, and so change rows.
var everyCommandReads = []string{"reporting", "rules", "groupings", "values", "windows", "targets", "signals", "limits"}

// runNeeds are the keys without a usable default.
var runNeeds = []string{"kafka.brokers", "group", "sources"}

// keys is the table, in the order of the documentation.
var keys = slices.Concat(kafkaKeys, inputKeys, outputKeys, meaningKeys, watchKeys, serviceKeys)

// bytesField marks a number that may be written with KiB, MiB or GiB.
type bytesField struct{ n *int }
