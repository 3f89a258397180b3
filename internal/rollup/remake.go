package rollup

// Remake has the next Flush make every row anew, as the first one after a start does.
func (r *Rollup) Remake() {
	for _, s := range r.segments {
		for k := range s.kinds {
			s.kinds[k].dirtyFrom = -clean
		}
		s.touched = true
	}
}
