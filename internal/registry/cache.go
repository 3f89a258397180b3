package registry

import (
	"container/list"
	"time"
)

// cache keeps schemas by their number, those used last.
type cache struct {
	most  int
	byID  map[uint32]*list.Element
	order *list.List // of *kept, the one used last in front
}

// kept is one schema; nil: unknown until an instant.
type kept struct {
	id     uint32
	schema *Schema
	until  time.Time
}

func newCache(most int) cache {
	return cache{most: most, byID: map[uint32]*list.Element{}, order: list.New()}
}

func (c *cache) len() int { return c.order.Len() }

func (c *cache) get(id uint32, now time.Time) (*Schema, bool) {
	e, found := c.byID[id]
	if !found {
		return nil, false
	}
	k := e.Value.(*kept) //nolint:forcetypeassert // nothing else is put in
	if k.schema == nil && !now.Before(k.until) {
		c.drop(e)
		return nil, false
	}
	c.order.MoveToFront(e)
	return k.schema, true
}

func (c *cache) put(id uint32, s *Schema, until time.Time) {
	c.byID[id] = c.order.PushFront(&kept{id, s, until})
	if c.order.Len() > c.most {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	delete(c.byID, c.order.Remove(e).(*kept).id) //nolint:forcetypeassert // nothing else is put in
}
