package person

import (
	"container/list"
	"sync"
	"time"
)

// cache keeps the last answers for at most size persons; who was not asked for longest goes first.
type cache struct {
	size int

	mu    sync.Mutex
	order *list.List
	at    map[string]*list.Element
}

type cached struct {
	key   string
	facts Facts
	asked time.Time
}

func newCache(size int) *cache {
	return &cache{size: size, order: list.New(), at: map[string]*list.Element{}}
}

func (c *cache) get(key string) (f Facts, asked time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[key]
	if !ok {
		return Facts{}, time.Time{}, false
	}
	c.order.MoveToFront(e)
	kept := e.Value.(cached)
	return kept.facts, kept.asked, true
}

func (c *cache) put(key string, f Facts, asked time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.at[key]; ok {
		c.order.MoveToFront(e)
		e.Value = cached{key, f, asked}
		return
	}
	c.at[key] = c.order.PushFront(cached{key, f, asked})
	if c.order.Len() > c.size {
		last := c.order.Back()
		delete(c.at, c.order.Remove(last).(cached).key)
	}
}
