package company

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// messField is one permille of Mess by its written name.
type messField struct {
	name string
	of   func(*Mess) *int
}

var messFields = []messField{
	{"late", func(m *Mess) *int { return &m.Late }},
	{"duplicates", func(m *Mess) *int { return &m.Duplicates }},
	{"amendments", func(m *Mess) *int { return &m.Amendments }},
	{"conflicts", func(m *Mess) *int { return &m.Conflicts }},
	{"revocations", func(m *Mess) *int { return &m.Revocations }},
	{"bad", func(m *Mess) *int { return &m.Bad }},
	{"rewrites", func(m *Mess) *int { return &m.Rewrites }},
	{"early", func(m *Mess) *int { return &m.Early }},
	{"backdated", func(m *Mess) *int { return &m.Backdated }},
	{"ties", func(m *Mess) *int { return &m.Ties }},
	{"calendar", func(m *Mess) *int { return &m.Calendar }},
	{"hostile", func(m *Mess) *int { return &m.Hostile }},
}

// Light is the mess of an ordinary week.
var Light = Mess{Late: 20, Duplicates: 10, Amendments: 5, Conflicts: 1, Revocations: 2, Bad: 2, Backdated: 5}

// Heavy is a mess that no company would survive.
var Heavy = Mess{
	Late: 300, LateMax: 72 * time.Hour, Duplicates: 150, Amendments: 50, Conflicts: 30, Revocations: 30,
	Bad: 30, Backdated: 50, Ties: 100, Calendar: 100, Hostile: 200,
}

// Whole is every kind of mess, in doses that leave no account alone.
var Whole = Mess{
	Late: 300, LateMax: 240 * time.Hour, Duplicates: 150, Amendments: 50, Conflicts: 60, Revocations: 40, Bad: 30,
	Rewrites: 100, Early: 40, Backdated: 150, Ties: 150, Calendar: 250, Hostile: 200,
}

// ParseMess reads "none", "light", "heavy", "whole" or a list such as "late=50,late_max=2h,bad=5"; a name
// may come first in the list: "light,hostile=100".
func ParseMess(text string) (Mess, error) {
	var m Mess
	if text == "" {
		return m, nil
	}
	for i, word := range strings.Split(text, ",") {
		name, value, assigned := strings.Cut(strings.TrimSpace(word), "=")
		switch {
		case !assigned && i == 0 && name == "none":
		case !assigned && i == 0 && name == "light":
			m = Light
		case !assigned && i == 0 && name == "heavy":
			m = Heavy
		case !assigned && i == 0 && name == "whole":
			m = Whole
		case !assigned:
			return m, fmt.Errorf("mess: %q is not none, light, heavy, whole (first) or name=permille with a name of %s", word, messNames())
		case name == "late_max":
			lateness, err := time.ParseDuration(value)
			if err != nil {
				return m, fmt.Errorf("mess: late_max is a duration such as 6h, not %q", value)
			}
			m.LateMax = lateness
		default:
			if err := m.set(name, value); err != nil {
				return m, err
			}
		}
	}
	return m, m.validate()
}

func (m *Mess) set(name, value string) error {
	for _, field := range messFields {
		if field.name != name {
			continue
		}
		permille, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("mess: %s is a permille, a whole number, not %q", name, value)
		}
		*field.of(m) = permille
		return nil
	}
	return fmt.Errorf("mess: there is no %q, only %s", name, messNames())
}

func messNames() string {
	names := make([]string, 0, len(messFields)+1)
	for _, field := range messFields {
		names = append(names, field.name)
	}
	return strings.Join(append(names, "late_max"), ", ")
}
