package aggregate

import (
	"slices"
	"strings"

	"processor/internal/money"
)

// The dimensions that are no property of an account. They split only the up_ and down_ amounts
// (spec: rules 7.1): the family of the line that changed, and the motion that was said of its
// subscription.
const (
	DimensionProductFamily = "product_family"
	DimensionMotion        = "motion"
)

// splits says whether a dimension belongs to the parts of a movement and not to its account.
func splits(dimension string) bool {
	return dimension == DimensionProductFamily || dimension == DimensionMotion
}

// Slice is what one product family and motion gave to the typed parts of a movement; "" is missing.
type Slice struct {
	Family string
	Motion string
	Parts  Parts
}

// sliceOf is the slice of a family and motion, made when it is new. It is valid until the next call.
func sliceOf(all *[]Slice, family, motion string) *Slice {
	i := slices.IndexFunc(*all, func(s Slice) bool { return s.Family == family && s.Motion == motion })
	if i < 0 {
		i = len(*all)
		*all = append(*all, Slice{Family: family, Motion: motion})
	}
	return &(*all)[i]
}

// splitGrouping is a grouping with a dimension of the parts in it.
type splitGrouping struct {
	label      string
	dimensions []splitDimension
}

// splitDimension is product_family, motion, or a place among the account's values.
type splitDimension struct {
	family, motion bool
	place          int
}

// splitKey names the segment of a part.
type splitKey struct {
	grouping       int
	dims           *Dims
	family, motion string
}

// splitSegment is the segment that a slice of an account's movement falls into.
func (d *dimensions) splitSegment(grouping int, dims *Dims, s *Slice) SegmentID {
	key := splitKey{grouping, dims, s.Family, s.Motion}
	if id, known := d.splitSegments[key]; known {
		return id
	}
	g := &d.splits[grouping]
	names := make([]string, len(g.dimensions))
	for i, dimension := range g.dimensions {
		switch {
		case dimension.family:
			names[i] = valueName(d.clamped(DimensionProductFamily, s.Family))
		case dimension.motion:
			names[i] = valueName(d.clamped(DimensionMotion, s.Motion))
		default:
			names[i] = valueName(dims.Values[dimension.place])
		}
	}
	id := d.segment(Segment{Grouping: g.label, Name: strings.Join(names, ",")})
	d.splitSegments[key] = id
	return id
}

// addSlices collects what a row's parts give to the groupings that split them. The row counts where
// it has a part, so that its segment begins there; its amounts as those of the row itself.
func (c *contributions) addSlices(s *span, i int) {
	e := &s.d.entries[i]
	if e.kind != entryRow || e.row.inert() {
		return
	}
	net := e.row.IsUsage && s.kind.showsUsageNet()
	for grouping := range c.dims.splits {
		for j := range e.row.Slices {
			slice := &e.row.Slices[j]
			to := c.share(c.dims.splitSegment(grouping, e.dims, slice))
			to.sums.addOne(CountEntries)
			if !net {
				to.sums.addParts(&slice.Parts)
			}
		}
	}
}

// sliceUsage is the slice of a usage row, whose amount is of one type.
func sliceUsage(parts *Parts, family string) []Slice {
	return []Slice{{Family: family, Parts: *parts}}
}

// withRemovedSlice adds usage of one family that ended with its line.
func withRemovedSlice(all []Slice, from origin, amount money.Amount) []Slice {
	more := slices.Clone(all)
	s := sliceOf(&more, from.family, from.motion)
	s.Parts.Down[DownRemoved] = s.Parts.Down[DownRemoved].Add(amount)
	return more
}
