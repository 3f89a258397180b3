package event

import (
	"cmp"
	"slices"
)

type accountFields struct {
	attributes, name, parent, health, lifecycle, effectiveAt slot
}

func (t *tape) accountFields(data slot) (f accountFields) {
	for at, end := data+1, t.after(data); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "attributes":
			f.attributes = v
		case "name":
			f.name = v
		case "parent":
			f.parent = v
		case "health":
			f.health = v
		case "lifecycle":
			f.lifecycle = v
		case "effective_at":
			f.effectiveAt = v
		}
	}
	return f
}

// account reads the data of account.changed.
func (d *Decoder) account(data slot, eventTime Time) *AccountChanged {
	f := d.tape.accountFields(data)
	a := new(AccountChanged)
	a.Attributes = d.attributes(f.attributes)
	a.Name = d.optional(f.name, "name")
	a.Parent = d.optional(f.parent, "parent")
	if len(a.Parent.Value) > idBytesMax {
		d.fail(ReasonBadField, "parent")
	}
	a.Health, a.HasHealth = d.percent(f.health, "health")
	a.Lifecycle = d.optional(f.lifecycle, "lifecycle")
	a.EffectiveAt = d.instant(f.effectiveAt, "effective_at", eventTime)
	return a
}

// attributes reads {name: string or null}; the detail of a fault names the attribute.
func (d *Decoder) attributes(s slot) []Attribute {
	if !d.object(s, "attributes") {
		return nil
	}
	t := &d.tape
	list := []Attribute{}
	for at, end := s+1, t.after(s); at < end && !d.failed(); at = t.after(at + 1) {
		a := Attribute{Name: d.intern.text(t.text(at))}
		switch t.kind(at + 1) {
		case kindString:
			a.Value = d.intern.text(t.text(at + 1))
		case kindNull:
			a.Null = true
		default:
			d.fail(ReasonBadField, a.Name)
			if len(a.Name) > idBytesMax {
				d.fault.detail = "" // a detail stays short
			}
			d.within("attributes")
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Attribute) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
