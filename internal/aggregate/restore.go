package aggregate

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"processor/internal/event"
)

// RefusedError says that a kept record is not accepted under the options of this state: a currency
// has no rate, where it had one when the record was kept.
type RefusedError struct {
	Account, Source, ID string
	Rejection           *event.Rejection
}

// Error names the event and the field.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("event %q of source %q, account %q: %s %s", e.ID, e.Source, e.Account, e.Rejection.Reason, e.Rejection.Detail)
}

// AccountOf is the account that a kept record belongs to, by its key.
func AccountOf(key []byte) (account string, ok bool) {
	length, n := binary.Uvarint(key)
	if n <= 0 || uint64(len(key)-n) < length {
		return "", false
	}
	return string(key[n : n+int(length)]), true //nolint:gosec // not more than the key has
}

// EachAccount calls fn with every row of every account (no registers) as of the last flush, in the
// order of their ids, and ends with fn's first error. It makes the rows of one account at a time.
func (s *State) EachAccount(fn func(*Updates) error) error {
	for _, id := range slices.Sorted(maps.Keys(s.accounts)) {
		if u, found := s.Account(id); found {
			if err := fn(&u); err != nil {
				return err
			}
		}
	}
	return nil
}

// RegisterKeys are the keys of all registers as of the last flush, in order.
func (s *State) RegisterKeys() []RegisterKey {
	return slices.SortedFunc(maps.Keys(s.registers), RegisterKey.compare)
}
