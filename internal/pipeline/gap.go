package pipeline

import (
	"fmt"
	"regexp"
	"strconv"

	"processor/internal/consumer"
)

// Gap is a range of offsets [From,To) of a source partition that are no longer in its log.
type Gap struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
}

// String is the form that ParseGap reads.
func (g Gap) String() string { return fmt.Sprintf("%s/%d:%d-%d", g.Topic, g.Partition, g.From, g.To) }

var gapForm = regexp.MustCompile(`^([a-zA-Z0-9._-]+)/(\d{1,9}):(\d{1,18})-(\d{1,18})$`)

// ParseGap reads TOPIC/PARTITION:FROM-TO, as the service prints it; TO is the first offset that is there.
func ParseGap(text string) (Gap, error) {
	parts := gapForm.FindStringSubmatch(text)
	if parts == nil {
		return Gap{}, fmt.Errorf("a gap is TOPIC/PARTITION:FROM-TO, such as billing.events/3:1000-2500, not %q", text)
	}
	var numbers [3]int64
	for i := range numbers {
		numbers[i], _ = strconv.ParseInt(parts[i+2], 10, 64) // digits, and few enough
	}
	g := Gap{Topic: parts[1], Partition: int32(numbers[0]), From: numbers[1], To: numbers[2]} //nolint:gosec // at most nine digits
	if g.From >= g.To {
		return Gap{}, fmt.Errorf("a gap ends behind its beginning: %q", text)
	}
	return g, nil
}

// gapError says what an operator may do about a gap: only exactly this one can be accepted.
func gapError(err error, gap *consumer.ErrGap) error {
	if gap.LogStart <= gap.Asked { // the log ends in front of the position
		return fmt.Errorf("%w: %w; %s", ErrOperator, err, gapRemedy)
	}
	g := Gap{Topic: gap.Topic, Partition: gap.Partition, From: gap.Asked, To: gap.LogStart}
	return fmt.Errorf("%w: %w; nothing after it was read: %s; or, if these %d records are lost for good, go on without them, once:\n  "+
		"processor run --config FILE --accept-gap %s", ErrOperator, err, gapRemedy, g.To-g.From, g)
}

// jump puts a source behind a gap that an operator accepted. The gap stays in the shard's marker for
// good: its figures are those of the records that there were.
func (s *shard) jump(src *source, start int64) (accepted bool) {
	gap := Gap{Topic: src.Topic, Partition: src.Partition, From: src.Next, To: start}
	for _, g := range s.options.AcceptGaps {
		if g == gap {
			src.Next, src.last = start, consumer.Mark{}
			s.gaps, s.jumped = append(s.gaps, gap), true
			return true
		}
	}
	return false
}

// lost is how many records of a source partition were given up.
func (s *shard) lost(src *source) int64 {
	var n int64
	for _, g := range s.gaps {
		if g.Topic == src.Topic && g.Partition == src.Partition {
			n += g.To - g.From
		}
	}
	return n
}
