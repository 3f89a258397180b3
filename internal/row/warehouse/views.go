package warehouse

import (
	"fmt"
	"strings"

	"processor/internal/aggregate"
)

// view is one question and its answer in SQL that all dialects have in common. {x} is a column, [x] a table or
// view of ours, and |a / b| a quotient with 6 digits.
type view struct{ name, doc, query string }

// reports are what people ask first.
var reports = []view{
	{
		"mrr_by_day", "MRR at the end of each local day, by segment.",
		`SELECT {grouping}, {segment}, {interval} AS {day}, {opening_mrr}, {closing_mrr}, {arr}, {accounts_closing}, {final}
FROM [metrics_current]
WHERE {interval_kind} = 'day'`,
	},
	{
		"waterfall_by_month", "From the opening to the closing MRR of each month; unexplained is always 0.",
		`SELECT {grouping}, {segment}, {interval} AS {month}, {opening_mrr}, {new_mrr}, {expansion_mrr}, {contraction_mrr}, {churned_mrr},
  {reactivation_mrr}, {paused_mrr}, {resumed_mrr}, {transfer_in_mrr}, {transfer_out_mrr}, {fx_mrr}, {usage_change}, {closing_mrr},
  {opening_mrr} + {new_mrr} + {expansion_mrr} - {contraction_mrr} - {churned_mrr} + {reactivation_mrr} - {paused_mrr} + {resumed_mrr}
    + {transfer_in_mrr} - {transfer_out_mrr} + {fx_mrr} + {usage_change} - {closing_mrr} AS {unexplained},
  {final}
FROM [metrics_current]
WHERE {interval_kind} = 'month'`,
	},
	{
		"nrr_by_cohort", "What became of the MRR of each cohort: the accounts whose first month that ended with MRR is the same.",
		`WITH first_months AS (
  SELECT {account}, MIN({month}) AS {cohort} FROM [account_months_current] WHERE {closing_mrr} > 0 GROUP BY {account}
), changes AS (
  SELECT f.{cohort}, m.{month}, SUM(m.{closing_mrr} - m.{opening_mrr} + m.{opening_balance}) AS {change}
  FROM [account_months_current] AS m JOIN first_months AS f ON f.{account} = m.{account}
  GROUP BY f.{cohort}, m.{month}
), months AS (
  SELECT DISTINCT {interval} AS {month} FROM [metrics_current] WHERE {grouping} = 'all' AND {interval_kind} = 'month'
), cohorts AS (
  SELECT {cohort}, COUNT(*) AS {accounts} FROM first_months GROUP BY {cohort}
), ends AS (
  SELECT c.{cohort}, c.{accounts}, s.{month}, SUM(COALESCE(d.{change}, 0)) OVER (PARTITION BY c.{cohort} ORDER BY s.{month}) AS {mrr}
  FROM cohorts AS c CROSS JOIN months AS s LEFT JOIN changes AS d ON d.{cohort} = c.{cohort} AND d.{month} = s.{month}
  WHERE s.{month} >= c.{cohort}
), bases AS (
  SELECT {cohort}, {mrr} AS {base} FROM ends WHERE {month} = {cohort}
)
SELECT e.{cohort}, e.{month}, e.{accounts}, e.{mrr}, b.{base}, |e.{mrr} / b.{base}| AS {nrr}
FROM ends AS e JOIN bases AS b ON b.{cohort} = e.{cohort}`,
	},
	{
		"expansion_by_type", "What each type brought to each segment and month, and of how many accounts.",
		expansionByType(),
	},
	{
		"reported_and_known", "Each period as it was reported when it was first final, and as it is known now.",
		`SELECT v.{grouping}, v.{segment}, v.{interval_kind}, v.{interval}, v.{known_at} AS {reported_at},
  v.{closing_mrr} AS {reported_closing_mrr}, m.{closing_mrr} AS {known_closing_mrr}, m.{closing_mrr} - v.{closing_mrr} AS {closing_mrr_since},
  v.{expansion_mrr} AS {reported_expansion_mrr}, m.{expansion_mrr} AS {known_expansion_mrr},
  m.{expansion_mrr} - v.{expansion_mrr} AS {expansion_mrr_since}, m.{known_at}
FROM [vintage_current] AS v LEFT JOIN [metrics_current] AS m
  ON m.{grouping} = v.{grouping} AND m.{segment} = v.{segment} AND m.{interval_kind} = v.{interval_kind} AND m.{interval} = v.{interval}`,
	},
}

// expansionByType turns the columns up_<type> into rows.
func expansionByType() string {
	var parts []string
	for _, name := range aggregate.UpNames {
		parts = append(parts, fmt.Sprintf("SELECT {grouping}, {segment}, {interval} AS {month}, '%s' AS {type}, {up_%s} AS {expansion_mrr}, {accounts_up_%s} AS {accounts}\n"+
			"FROM [metrics_current] WHERE {interval_kind} = 'month'", name, name, name))
	}
	return strings.Join(parts, "\nUNION ALL\n")
}

// replaced has every part of a text between two marks replaced by what of makes of it.
func replaced(text, begin, end string, of func(string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, begin)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		var mark string
		mark, text, _ = strings.Cut(rest, end)
		b.WriteString(of(mark))
	}
}

// Views are the reports.
func (d *Dialect) Views() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Reports on the tables of tables.sql, in %s.\n", d.Title)
	switch d {
	case postgres:
		b.WriteString("SET search_path TO expansion;\n")
	case snowflake:
		b.WriteString("USE SCHEMA EXPANSION;\n")
	case duckdb:
		b.WriteString("USE expansion;\n")
	}
	for _, v := range reports {
		query := replaced(v.query, "|", "|", d.quotient)
		query = replaced(query, "{", "}", d.column)
		query = replaced(query, "[", "]", d.named)
		fmt.Fprintf(&b, "\n-- %s\n%s%s AS\n%s;\n", v.doc, d.view, v.name, query)
	}
	return b.String()
}

// quotient is a quotient of decimals, of which databases have different ideas: in ClickHouse it has as many
// digits as its dividend, so that binary floats are nearer.
func (d *Dialect) quotient(of string) string {
	dividend, divisor, _ := strings.Cut(of, " / ")
	if d == clickhouse {
		return "round(toFloat64(" + dividend + ") / nullIf(toFloat64(" + divisor + "), 0), 6)"
	}
	return "ROUND(" + dividend + " / NULLIF(" + divisor + ", 0), 6)"
}
