package event

// Position is where an event was read first: duplicates of it leave it as it is. The zero value says
// that it is not known, as of events that were stored before positions were.
type Position struct {
	Topic     string // in a replay the name of the file
	Partition int32
	Offset    int64 // in a replay the line, from 0
}

// IsKnown says whether there is a position.
func (p Position) IsKnown() bool { return p.Topic != "" }
