package config

import (
	"time"
)

// watchKeys are those of signals and alerts.
var watchKeys = []key{
	{
		path: "signals.thresholds", initial: "[80, 100]", least: 1, most: 1000,
		doc:   "Percent of a line's limit, or of the seats bought, at which usage, or the seats in use, are a signal.",
		field: func(c *Config) any { return &c.Signals.Thresholds },
	},
	{
		path: "signals.within", initial: "90d", least: int64(day), most: int64(180 * day),
		doc:   "How long after a signal a movement that matches it converts it; it is missed after that.",
		field: func(c *Config) any { return &c.Signals.Within },
	},
	{
		path: "signals.seat_block", initial: "1", least: 1, most: 100_000,
		doc:   "How many seats are sold at once: the potential of a signal of seats is the price of so many more.",
		field: func(c *Config) any { return &c.Signals.SeatBlock },
	},
	{
		path: "signals.at_least", initial: "{health: 80, nps: 9, team_growth: 1}", example: "{nps: 8, logins: 20}", most: 1_000_000_000,
		doc: "The least value with which an observation of that name is a signal; for `health`, to what it must rise. Others are signals with any " +
			"value, or none. A name that is not given keeps its default.",
		field: func(c *Config) any { return &c.Signals.AtLeast },
	},
	{
		path: "signals.converts", example: "{feature_request: [add_on, cross_sell]}",
		initial: "{feature_adopted: [upsell, cross_sell, add_on, feature_adoption], feature_request: [upsell, cross_sell, add_on, feature_adoption], " +
			"other: [seat, upsell, cross_sell, add_on, usage, geographic, feature_adoption, other], seats: [seat, upsell], team_growth: [seat, upsell], " +
			"usage: [seat, upsell, add_on, usage]}",
		doc: "The types of expansion that convert a signal of that name; `other` stands for every name that is not listed. A name that is not given " +
			"keeps its default.",
		field: func(c *Config) any { return &c.Signals.Converts },
	},
	{
		path: "signals.weights", example: "{usage: 50, seats: 50, milestone: 0}", most: 1_000_000,
		initial: "{feature_adopted: 10, feature_request: 10, health: 10, milestone: 5, seats: 25, team_growth: 10, usage: 30}",
		doc:     "What each signal counts in `readiness_index`; 0 leaves it out. A name that is not given keeps its default.",
		field:   func(c *Config) any { return &c.Signals.Weights },
	},
	{
		path: "signals.gate.health_below", initial: "50", most: 100,
		doc:   "An account with less health than this is `gated`.",
		field: func(c *Config) any { return &c.Signals.Gate.HealthBelow },
	},
	{
		path: "signals.gate.onboarding", initial: "30d", most: int64(365 * day),
		doc:   "So long after an account first paid, or its lifecycle became `onboarding`, it is `gated`; 0s: not for that.",
		field: func(c *Config) any { return &c.Signals.Gate.Onboarding },
	},
	{
		path: "signals.gate.usage_fall", initial: "20", most: 100,
		doc:   "An account of which an item's usage over 30 days is lower than over the 30 before by more than so many percent is `gated`; 0: not for that.",
		field: func(c *Config) any { return &c.Signals.Gate.UsageFall },
	},
	{
		path: "alerts", example: `[default, {name: enterprise-seats, grouping: "plan_tier", segments: [enterprise], type: seat, interval: 30d, threshold: 30%, for: 12h, min_base: "50000"}]`,
		doc: "Rules that watch for a slowdown of expansion, each with `name` and `threshold` (a fall in percent, on which the alert begins) and, where the " +
			"defaults do not fit: `metric` (expansion_mrr), `type` of expansion (all), `grouping` (all), `segments` (all), `interval` (30d: a window, or the last " +
			"complete day, week, month, quarter or year), `comparison` (previous, or trailing_mean with `of`, or target with `target`), `clear` (half the threshold), " +
			"`for` (6h), `min_base` (0, opening MRR), `severity` (warning), `silent_after` (24h; 0s: never). The item `default` stands for the rules that " +
			"`processor rules default` prints. See docs/how-to/alerts.md.",
		field: func(c *Config) any { return &c.Alerts },
	},
	{
		path: "notify.webhook.url", example: "${file:/run/secrets/alert-webhook}", check: checkTarget,
		doc:   "Where a change of an alert's state is posted as JSON. Never printed: such addresses are secrets.",
		field: func(c *Config) any { return &c.Notify.Webhook.URL },
	},
	{
		path: "notify.webhook.authorization", example: "Bearer ${ALERT_TOKEN}",
		doc:   "Header `Authorization` of these requests. Never printed.",
		field: func(c *Config) any { return &c.Notify.Webhook.Authorization },
	},
	{
		path: "notify.alertmanager.urls", example: "[http://alertmanager:9093]", check: checkTarget,
		doc:   "Alertmanagers (API v2) that are told of every alert that fires, and of its end; all of them, as Alertmanager's own clusters want it.",
		field: func(c *Config) any { return &c.Notify.Alertmanager.URLs },
	},
	{
		path: "notify.alertmanager.authorization", example: "Bearer ${file:/run/secrets/alertmanager}",
		doc:   "Header `Authorization` of these requests. Never printed.",
		field: func(c *Config) any { return &c.Notify.Alertmanager.Authorization },
	},
	{
		path: "notify.resend_interval", initial: "1m", least: int64(time.Second), most: int64(time.Hour),
		doc:   "How often an Alertmanager is told again of an alert that fires; one that hears nothing for four times as long takes it as resolved.",
		field: func(c *Config) any { return &c.Notify.ResendInterval },
	},
}
