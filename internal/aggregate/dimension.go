package aggregate

import (
	"slices"
	"strings"

	"processor/internal/event"
)

// DimensionCohort is the one dimension that is not an account attribute: the local month at which
// the account's held MRR first exceeded 0 (spec: rules 7.1).
const DimensionCohort = "cohort"

// cohortImported stands for an opening without first_paid_at.
const cohortImported = "(imported)"

// SegmentAll is the one segment, and the name, of the grouping that is always there.
const SegmentAll = "all"

// segmentOther stands for the values of a dimension that the configuration does not list.
const segmentOther = "(other)"

// SegmentName is the name of the segment that a combination falls into: the values at some places of the
// dimensions' names, in the order of a grouping.
func (d *Dims) SegmentName(places []int) string { return segmentName(d.Values, places) }

// SegmentMissing is the value, in the name of a segment, of a dimension that an account does not have.
const SegmentMissing = "(none)"

// Dims is one combination of dimension values, shared by all that have it. Values follow
// Dimensions.Names; "" is missing. Segments holds the segment of every grouping.
type Dims struct {
	Values   []string
	Segments []SegmentID
}

// SegmentID numbers the segments of one State; it has no meaning outside of it.
type SegmentID int32

// Segment is a named group of accounts.
type Segment struct {
	Grouping string // "all", "region", "plan_tier,region"
	Name     string // "all", "eu", "smb,eu"
}

// dimensions interns combinations of values and the segments that they fall into.
type dimensions struct {
	names     []string // of account dimensions, in order of first mention in the groupings
	cohort    int      // place of cohort in names, or -1
	groupings [][]int  // places in names; the first grouping is "all" and empty
	splits    []splitGrouping
	values    map[string]map[string]bool // of a dimension, where they are limited: those that are told apart
	labels    []string                   // names of the groupings
	segments  []Segment
	numbers   map[Segment]SegmentID
	known     map[string]*Dims
	scratch   []string

	splitSegments map[splitKey]SegmentID
}

func newDimensions(groupings [][]string, values map[string][]string) *dimensions {
	d := &dimensions{
		values:    map[string]map[string]bool{},
		groupings: [][]int{nil},
		labels:    []string{SegmentAll},
		numbers:   map[Segment]SegmentID{},
		known:     map[string]*Dims{},

		splitSegments: map[splitKey]SegmentID{},
	}
	for name, listed := range values {
		d.values[name] = map[string]bool{}
		for _, value := range listed {
			d.values[name][value] = true
		}
	}
	for _, grouping := range groupings {
		label := strings.Join(grouping, ",")
		if slices.ContainsFunc(grouping, splits) {
			d.splits = append(d.splits, splitGrouping{label, d.splitDimensions(grouping)})
			continue
		}
		places := make([]int, len(grouping))
		for i, name := range grouping {
			places[i] = d.place(name)
		}
		d.groupings = append(d.groupings, places)
		d.labels = append(d.labels, label)
	}
	d.cohort = slices.Index(d.names, DimensionCohort)
	return d
}

// place is where an account dimension stands among the names.
func (d *dimensions) place(name string) int {
	i := slices.Index(d.names, name)
	if i < 0 {
		i = len(d.names)
		d.names = append(d.names, name)
	}
	return i
}

func (d *dimensions) splitDimensions(grouping []string) []splitDimension {
	made := make([]splitDimension, len(grouping))
	for i, name := range grouping {
		made[i] = splitDimension{family: name == DimensionProductFamily, motion: name == DimensionMotion}
		if !splits(name) {
			made[i].place = d.place(name)
		}
	}
	return made
}

// clamped is the value of a dimension, or "(other)" where its values are listed and it is not one
// of them (spec: rules 7.3). A missing value stays missing.
func (d *dimensions) clamped(dimension, value string) string {
	listed, limited := d.values[dimension]
	if value == "" || !limited || listed[value] {
		return value
	}
	return segmentOther
}

// of is the interned combination of the values, which it does not keep.
func (d *dimensions) of(values []string) *Dims {
	if len(d.values) > 0 {
		d.scratch = d.scratch[:0]
		for i, v := range values {
			d.scratch = append(d.scratch, d.clamped(d.names[i], v))
		}
		values = d.scratch
	}
	var buf [128]byte
	key := buf[:0]
	for _, v := range values {
		key = append(append(key, v...), 0xff) // 0xff is in no valid UTF-8 string
	}
	if known, ok := d.known[string(key)]; ok {
		return known
	}
	made := &Dims{Values: slices.Clone(values), Segments: make([]SegmentID, len(d.groupings))}
	for i, places := range d.groupings {
		made.Segments[i] = d.segment(Segment{Grouping: d.labels[i], Name: segmentName(values, places)})
	}
	d.known[string(key)] = made
	return made
}

func (d *dimensions) segment(s Segment) SegmentID {
	if id, ok := d.numbers[s]; ok {
		return id
	}
	id := SegmentID(len(d.segments))
	d.segments = append(d.segments, s)
	d.numbers[s] = id
	return id
}

func segmentName(values []string, places []int) string {
	if len(places) == 0 {
		return SegmentAll
	}
	var b strings.Builder
	for i, place := range places {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(valueName(values[place]))
	}
	return b.String()
}

// valueName is a value as a part of a segment's name.
func valueName(value string) string {
	if value == "" {
		return SegmentMissing
	}
	return escape(value, "%,")
}

// escape percent-encodes the given characters and control characters, so that a name can be a
// part of a longer key.
func escape(s, special string) string {
	const hex = "0123456789ABCDEF"
	clean := func(c byte) bool { return c >= 0x20 && c != 0x7f && strings.IndexByte(special, c) < 0 }
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; clean(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// attribute change of one account, as the timeline of dimensions sees it.
type attributeChange struct {
	order order
	event *event.Event
	at    event.Time // settled effective_at
}

// value is what the change says of a dimension.
func (c *attributeChange) value(dimension string) (value string, named bool) {
	for i := range c.event.Account.Attributes {
		if a := &c.event.Account.Attributes[i]; a.Name == dimension {
			return a.Value, true
		}
	}
	if dimension == "lifecycle" && c.event.Account.Lifecycle.Set {
		return c.event.Account.Lifecycle.Value, true
	}
	return "", false
}

// namesAny says whether the change names one of the dimensions.
func (c *attributeChange) namesAny(dimensions []string) bool {
	return slices.ContainsFunc(dimensions, func(d string) bool {
		_, named := c.value(d)
		return named
	})
}

// dimensionLine is the timeline of an account's dimension values.
type dimensionLine struct {
	names   []string
	changes []*attributeChange // in order; revoked ones are not among them
	cohort  int
	month   string // the value of cohort
	erased  bool
}

// first writes the values that hold before every change: an attribute's first value also holds
// for the time before it (spec: rules 7.2).
func (l *dimensionLine) first(values []string) {
	for i, name := range l.names {
		values[i] = ""
		if i == l.cohort {
			values[i] = l.month
			continue
		}
		for _, c := range l.changes {
			if v, named := c.value(name); named {
				values[i] = v
				break
			}
		}
	}
	l.blank(values)
}

// apply writes what a change makes of the values.
func (l *dimensionLine) apply(c *attributeChange, values []string) {
	for i, name := range l.names {
		if v, named := c.value(name); named && i != l.cohort {
			values[i] = v
		}
	}
	l.blank(values)
}

// blank forgets everything of an erased account, for all time (spec: rules 10.6).
func (l *dimensionLine) blank(values []string) {
	if !l.erased {
		return
	}
	for i := range values {
		if i != l.cohort {
			values[i] = ""
		}
	}
}
