package event

import "strconv"

func (s *Subscription) appendFields(dst []byte) []byte {
	dst = appendTime(dst, "cancel_at", s.CancelAt)
	dst = appendDiscounts(dst, s.Discounts)
	dst = appendTime(dst, "effective_at", s.EffectiveAt)
	dst = appendTime(dst, "first_paid_at", s.FirstPaidAt)
	dst = s.appendItems(dst)
	dst = appendText(dst, "motion", s.Motion)
	dst = appendMoved(dst, "moved_from", s.MovedFrom)
	dst = appendMoved(dst, "moved_to", s.MovedTo)
	dst = appendFlag(dst, "opening", s.Opening)
	dst = appendText(dst, "reason", s.Reason)
	dst = appendFlag(dst, "renewal", s.Renewal)
	if s.Schedule != nil {
		dst = append(appendName(dst, "schedule"), '[')
		for i := range s.Schedule {
			dst = append(appendComma(dst), '{')
			dst = appendTime(dst, "effective_at", s.Schedule[i].EffectiveAt)
			dst = s.Schedule[i].appendItems(dst)
			dst = appendText(dst, "status", s.Schedule[i].Status.String())
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	dst = appendFlag(dst, "scheduled_step", s.ScheduledStep)
	dst = appendText(dst, "status", s.Status.String())
	dst = appendText(dst, "subscription", s.Subscription)
	dst = appendTime(dst, "term_end", s.TermEnd)
	dst = appendTime(dst, "term_start", s.TermStart)
	return appendTime(dst, "trial_end", s.TrialEnd)
}

func appendMoved(dst []byte, name, account string) []byte {
	if account == "" {
		return dst
	}
	dst = append(appendName(dst, name), '{')
	return append(appendText(dst, "account", account), '}')
}

// appendItems writes the items in the order they were sent.
func (p *Phase) appendItems(dst []byte) []byte {
	if p.Items == nil {
		return dst
	}
	dst = append(appendName(dst, "items"), '[')
	for i := range p.Items {
		if p.Sent != nil {
			i = int(p.Sent[i])
		}
		dst = append(appendComma(dst), '{')
		dst = p.Items[i].appendFields(dst)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (it *Item) appendFields(dst []byte) []byte {
	kind := "licensed"
	if it.Metered {
		kind = "metered"
	}
	dst = appendFlag(dst, "add_on", it.AddOn)
	dst = appendDecimal(dst, "amount", it.Amount, it.HasAmount)
	dst = appendDecimal(dst, "commit", it.Commit, it.HasCommit)
	dst = appendText(dst, "currency", it.Currency)
	dst = appendDiscounts(dst, it.Discounts)
	dst = appendText(dst, "family", it.Family)
	dst = appendFlag(dst, "free_trial", it.FreeTrial)
	dst = appendDecimal(dst, "included", it.Included, it.HasIncluded)
	dst = append(appendName(dst, "interval"), `{"count":`...)
	dst = strconv.AppendInt(dst, it.Count, 10)
	dst = append(appendText(dst, "unit", it.Unit.String()), '}')
	dst = appendText(dst, "item", it.Item)
	dst = appendText(dst, "kind", kind)
	dst = appendDecimal(dst, "limit", it.Limit, it.HasLimit)
	dst = appendText(dst, "meter", it.Meter)
	dst = appendString(appendName(dst, "plan"), it.Plan)
	dst = appendText(dst, "product", it.Product)
	dst = appendDecimal(dst, "quantity", it.Quantity, true)
	dst = appendText(dst, "region", it.Region)
	if it.Replaces != (Replaced{}) {
		dst = append(appendName(dst, "replaces"), '{')
		dst = appendText(dst, "item", it.Replaces.Item)
		dst = append(appendText(dst, "subscription", it.Replaces.Subscription), '}')
	}
	dst = appendTiers(dst, it.Tiers)
	return appendDecimal(dst, "unit_price", it.UnitPrice, it.HasPrice)
}

func appendDiscounts(dst []byte, discounts []Discount) []byte {
	if discounts == nil {
		return dst
	}
	dst = append(appendName(dst, "discounts"), '[')
	for _, discount := range discounts {
		dst = append(appendComma(dst), '{')
		dst = appendDecimal(dst, "amount", discount.Amount, discount.HasAmount)
		dst = appendTime(dst, "ends_at", discount.EndsAt)
		dst = appendDecimal(dst, "percent", discount.Percent, !discount.HasAmount)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendTiers(dst []byte, tiers []Tier) []byte {
	if tiers == nil {
		return dst
	}
	dst = append(appendName(dst, "tiers"), '[')
	for _, tier := range tiers {
		dst = append(appendComma(dst), '{')
		dst = appendDecimal(dst, "unit_price", tier.UnitPrice, true)
		dst = appendDecimal(dst, "up_to", tier.UpTo, !tier.Open)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
