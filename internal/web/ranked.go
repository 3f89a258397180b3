package web

import "slices"

// ranked keeps values by their keys, within a bound: beyond it those go that come last in the order. It is
// cut seldom and then by much, so that a value costs little to put.
type ranked[K comparable, V any] struct {
	limit   int
	compare func(a, b *V) int
	values  map[K]*V
	last    *V // the first of those that had to go; values behind it are not taken
}

func newRanked[K comparable, V any](limit int, compare func(a, b *V) int) *ranked[K, V] {
	return &ranked[K, V]{limit: limit, compare: compare, values: map[K]*V{}}
}

// put files a value in the place of the one before it.
func (r *ranked[K, V]) put(key K, v *V) {
	if r.last != nil && len(r.values) >= r.limit && r.compare(v, r.last) >= 0 {
		delete(r.values, key)
		return
	}
	if r.values[key] = v; len(r.values) > r.limit+r.limit/4 {
		r.cut()
	}
}

func (r *ranked[K, V]) remove(key K) { delete(r.values, key) }

func (r *ranked[K, V]) cut() {
	type entry struct {
		key   K
		value *V
	}
	all := make([]entry, 0, len(r.values))
	for key, v := range r.values {
		all = append(all, entry{key, v})
	}
	slices.SortFunc(all, func(a, b entry) int { return r.compare(a.value, b.value) })
	for _, gone := range all[r.limit:] {
		delete(r.values, gone.key)
	}
	if first := all[r.limit].value; r.last == nil || r.compare(first, r.last) < 0 {
		r.last = first
	}
}
