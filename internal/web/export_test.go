package web

// Kept is how many accounts of all months a board keeps.
func Kept(b *Board) (n int) {
	for _, m := range b.book.months {
		n += len(m.accounts)
	}
	return n
}
