package aggregate

// reasons say in one plain sentence what the rule of a movements row means. Every rule that a row
// can have is here; a test compares.
var reasons = map[string]string{
	"2.5":        "Announced: the event counts from a later instant on; until then it moves nothing.",
	"3.3":        "Counted with another event less than the coalescing window away: that event's row carries the amount.",
	"4":          "The class follows from the MRR before and after the change; there are no typed parts.",
	"5.1":        "Something that was free is paid for now, or the other way round.",
	"5.2":        "A discount ended or shrank, or a new or larger one began.",
	"5.3":        "The plan of a line changed.",
	"5.4":        "The price of a line changed at the same plan.",
	"5.5":        "The quantity of a line changed, or a line was added or removed.",
	"6":          "The level of a month's usage beyond what is included and committed, less the level before it.",
	"7":          "The account moved to another segment: the same amount leaves the old one and enters the new one.",
	"8":          "A new table of exchange rates revalued what is billed in other currencies.",
	"10.4":       "The event was revoked: it counts for nothing.",
	"superseded": "An announced step that never came: a later snapshot of its subscription replaced it.",
}

// Reason is the sentence for the rule of a movements row; "" for a rule that no row has.
func Reason(rule string) string { return reasons[rule] }
