package sink

import (
	"cmp"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Scrape gathers everything that /metrics shows. Nearly all of it are the series of Revenue, which change at
// most once in a metrics interval: between two changes they are gathered once, however many scrape and how
// often. It is safe for several goroutines.
type Scrape struct {
	revenue *Revenue
	own     *prometheus.Registry // of revenue
	rest    *prometheus.Registry

	mu       sync.Mutex
	changes  uint64              // of revenue, that families are of; 0: of none
	families []*dto.MetricFamily // never changed once they are here
}

// NewScrape gathers revenue, and the rest anew each time.
func NewScrape(revenue *Revenue, rest ...prometheus.Collector) (*Scrape, error) {
	s := &Scrape{revenue: revenue, own: prometheus.NewRegistry(), rest: prometheus.NewRegistry()}
	if err := s.own.Register(revenue); err != nil {
		return nil, err
	}
	for _, c := range rest {
		if err := s.rest.Register(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Gather satisfies prometheus.Gatherer.
func (s *Scrape) Gather() ([]*dto.MetricFamily, error) {
	families, err := s.rest.Gather()
	if err != nil {
		return families, err
	}
	shown, err := s.gatherRevenue()
	families = append(families, shown...)
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return families, err
}

func (s *Scrape) gatherRevenue() ([]*dto.MetricFamily, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := s.revenue.changed() // before: what changes meanwhile is gathered again
	if changes == s.changes {
		return s.families, nil
	}
	families, err := s.own.Gather()
	if err != nil {
		return families, err
	}
	s.changes, s.families = changes, families
	return families, nil
}
