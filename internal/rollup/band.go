package rollup

import "processor/internal/money"

// Band is where a ratio lies among published benchmarks; "" where there is no ratio.
type Band string

// The bands.
const (
	BandBelow Band = "below_benchmark"
	BandGood  Band = "good"
	BandGreat Band = "great"
	BandBest  Band = "best"
)

// bounds are the lower ends of good and great (included) and the upper end of great (included).
type bounds struct{ good, great, best money.Amount }

func percents(good, great, best int64) bounds {
	return bounds{money.Micros(good * 10_000), money.Micros(great * 10_000), money.Micros(best * 10_000)}
}

// The benchmark bands, on the published ratio (spec: rules 9.4).
var (
	expansionBands = percents(2, 3, 5)
	shareBands     = percents(20, 30, 50)
	nrrBands       = percents(100, 110, 130)
)

func band(r Ratio, b bounds) Band {
	switch {
	case r.Reason != Defined:
		return ""
	case r.Value.Cmp(b.best) > 0:
		return BandBest
	case r.Value.Cmp(b.great) >= 0:
		return BandGreat
	case r.Value.Cmp(b.good) >= 0:
		return BandGood
	default:
		return BandBelow
	}
}
