package event

import "processor/internal/money"

// signal reads the data of signal.observed.
func (d *Decoder) signal(data slot) *Signal {
	f := d.tape.usageFields(data)
	s := new(Signal)
	s.Name = required(d, d.word(f.name, "name"), "name")
	s.Value, s.HasValue = d.signalValue(f.value)
	s.Subscription = d.id(f.subscription, "subscription")
	s.Item = d.sharedID(f.item, "item")
	return s
}

// signalValue reads a number or a text. A number reads the same whether it was sent as a number
// or as a string, without trailing zeros; a text that only looks like one, such as 007, stays.
func (d *Decoder) signalValue(s slot) (value string, sent bool) {
	k := d.tape.kind(s)
	switch k {
	case kindAbsent:
		return "", false
	case kindNumber, kindString:
	default:
		d.fail(ReasonBadField, "value")
		return "", false
	}
	text := d.tape.text(s)
	n, ok := money.ParseDecimal(text)
	switch {
	case ok && (k == kindNumber || !hasLeadingZero(text)):
		var buf [32]byte
		return d.intern.text(n.AppendTo(buf[:0])), true
	case k == kindNumber:
		d.fail(ReasonBadAmount, "value")
	}
	return d.intern.text(text), true
}

// hasLeadingZero says whether a decimal is one that JSON numbers cannot be.
func hasLeadingZero(text []byte) bool {
	if text[0] == '-' {
		text = text[1:]
	}
	return len(text) > 1 && text[0] == '0' && isDigit(text[1])
}

// revocation reads the data of event.revoked.
func (d *Decoder) revocation(data slot) *Revocation {
	f := d.tape.usageFields(data)
	r := new(Revocation)
	if f.revokes == 0 {
		d.fail(ReasonMissingField, "revokes")
	}
	if !d.object(f.revokes, "revokes") {
		return r
	}
	t := &d.tape
	var source, id slot
	for at, end := f.revokes+1, t.after(f.revokes); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "source":
			source = v
		case "id":
			id = v
		}
	}
	r.Source = d.requiredSharedID(source, "source")
	r.ID = d.requiredID(id, "id")
	d.within("revokes")
	return r
}
