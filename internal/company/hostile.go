package company

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"
)

// hostileIDs are endings of account ids that break careless programs: other scripts, direction
// marks, quotes, control characters, separators, markup, formulas, and the longest id allowed
// (256 bytes with the 18 before it).
var hostileIDs = []string{
	"-été", "-日本語", "-e\u0301", "-\u202egnp", "-😀", `-"quoted"`, `-back\slash`, "-line\nbreak", "-\x00nul",
	"/../../etc", "|pipe", "-<script>alert(1)</script>", "=1+1", "-a b", "-%2F", "-\u2028",
	strings.Repeat("x", 256-18),
}

// name is what the account is called.
func (who identity) name() []byte {
	var b []byte
	if who.hostile > 0 {
		b = append(b, `"><img src=x onerror=alert(1)> `...)
	}
	b = append(b, firstWords[who.key%uint64(len(firstWords))]...)
	b = append(b, ' ')
	return append(b, secondWords[who.key>>32%uint64(len(secondWords))]...)
}

// appendText writes a JSON string, escaped where that is needed.
func appendText(b, text []byte) []byte {
	plain := !bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' })
	if plain {
		return append(append(append(b, '"'), text...), '"')
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		panic("company: a string cannot fail to encode: " + err.Error())
	}
	return append(b, quoted...)
}

// calendarInstant is an instant in the month of at where calendars are at their trickiest: the
// ends of months in several zones and the changes of clocks. It is at itself where the one
// drawn has passed.
func calendarInstant(dice *rand.Rand, now, at int64) int64 {
	year, number, _ := time.Unix(at, 0).UTC().Date()
	end := time.Date(year, number+1, 1, 0, 0, 0, 0, time.UTC)
	instants := []time.Time{
		end.Add(-time.Second), end, // month end and start in UTC
		end.Add(4*time.Hour + 59*time.Minute + 59*time.Second), end.Add(5 * time.Hour), // New York, winter
		end.Add(-9 * time.Hour),                          // Tokyo
		lastBefore(end, time.Sunday).Add(time.Hour),      // clocks of Europe
		firstSunday(year, number, 8).Add(7 * time.Hour),  // clocks of New York, spring
		firstSunday(year, number, 1).Add(6 * time.Hour),  // and autumn
		lastBefore(end, time.Friday).Add(-2 * time.Hour), // clocks of Cairo, spring
	}
	if picked := instants[dice.IntN(len(instants))].Unix(); picked > now {
		return picked
	}
	return at
}

// lastBefore is the last such weekday before end.
func lastBefore(end time.Time, weekday time.Weekday) time.Time {
	back := (int(end.Weekday()) - int(weekday) + 6) % 7
	return end.AddDate(0, 0, -back-1)
}

// firstSunday is the first Sunday from a date on.
func firstSunday(year int, number time.Month, date int) time.Time {
	from := time.Date(year, number, date, 0, 0, 0, 0, time.UTC)
	return from.AddDate(0, 0, (int(time.Sunday)-int(from.Weekday())+7)%7)
}
