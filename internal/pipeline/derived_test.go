package pipeline

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/company"
)

// Who looks on hears of every account when it changes, and after a restart of all of them again.
func TestTheObserverHearsOfEveryAccount(t *testing.T) {
	for name, delivery := range map[string]Delivery{"exactly once": ExactlyOnce, "at least once": AtLeastOnce} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			heard := map[int]map[string]int{} // by shard
			w := newWorld(t, 2)
			w.change = func(o *Options) {
				o.Delivery = delivery
				o.Observer.Derived = func(shard int, u *aggregate.Updates) {
					mu.Lock()
					defer mu.Unlock()
					for i := range u.Accounts {
						heard[shard][u.Accounts[i].Account] += len(u.Months)
					}
				}
				o.Observer.Dropped = func(shard int) {
					mu.Lock()
					defer mu.Unlock()
					heard[shard] = map[string]int{}
				}
			}
			w.write([]company.Record{
				subscription("e1", "acme", "2025-03-01T00:00:00Z", 1), subscription("e2", "globex", "2025-03-01T00:00:00Z", 2), subscription("e3", "initech", "2025-03-02T00:00:00Z", 3),
			})
			for _, run := range []string{"the first", "the second"} {
				w.run()
				var got []string
				for _, accounts := range heard {
					for account, months := range accounts {
						got = append(got, fmt.Sprint(account, " ", months > 0))
					}
				}
				slices.Sort(got)
				if want := []string{"acme true", "globex true", "initech true"}; !slices.Equal(got, want) {
					t.Errorf("%s run tells of %v, want %v", run, got, want)
				}
			}
		})
	}
}
