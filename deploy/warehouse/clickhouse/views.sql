-- Reports on the tables of tables.sql, in ClickHouse.

-- MRR at the end of each local day, by segment.
CREATE OR REPLACE VIEW expansion.mrr_by_day AS
SELECT `grouping`, `segment`, `interval` AS `day`, `opening_mrr`, `closing_mrr`, `arr`, `accounts_closing`, `final`
FROM expansion.metrics_current
WHERE `interval_kind` = 'day';

-- From the opening to the closing MRR of each month; unexplained is always 0.
CREATE OR REPLACE VIEW expansion.waterfall_by_month AS
SELECT `grouping`, `segment`, `interval` AS `month`, `opening_mrr`, `new_mrr`, `expansion_mrr`, `contraction_mrr`, `churned_mrr`,
  `reactivation_mrr`, `paused_mrr`, `resumed_mrr`, `transfer_in_mrr`, `transfer_out_mrr`, `fx_mrr`, `usage_change`, `closing_mrr`,
  `opening_mrr` + `new_mrr` + `expansion_mrr` - `contraction_mrr` - `churned_mrr` + `reactivation_mrr` - `paused_mrr` + `resumed_mrr`
    + `transfer_in_mrr` - `transfer_out_mrr` + `fx_mrr` + `usage_change` - `closing_mrr` AS `unexplained`,
  `final`
FROM expansion.metrics_current
WHERE `interval_kind` = 'month';

-- What became of the MRR of each cohort: the accounts whose first month that ended with MRR is the same.
CREATE OR REPLACE VIEW expansion.nrr_by_cohort AS
WITH first_months AS (
  SELECT `account`, MIN(`month`) AS `cohort` FROM expansion.account_months_current WHERE `closing_mrr` > 0 GROUP BY `account`
), changes AS (
  SELECT f.`cohort`, m.`month`, SUM(m.`closing_mrr` - m.`opening_mrr` + m.`opening_balance`) AS `change`
  FROM expansion.account_months_current AS m JOIN first_months AS f ON f.`account` = m.`account`
  GROUP BY f.`cohort`, m.`month`
), months AS (
  SELECT DISTINCT `interval` AS `month` FROM expansion.metrics_current WHERE `grouping` = 'all' AND `interval_kind` = 'month'
), cohorts AS (
  SELECT `cohort`, COUNT(*) AS `accounts` FROM first_months GROUP BY `cohort`
), ends AS (
  SELECT c.`cohort`, c.`accounts`, s.`month`, SUM(COALESCE(d.`change`, 0)) OVER (PARTITION BY c.`cohort` ORDER BY s.`month`) AS `mrr`
  FROM cohorts AS c CROSS JOIN months AS s LEFT JOIN changes AS d ON d.`cohort` = c.`cohort` AND d.`month` = s.`month`
  WHERE s.`month` >= c.`cohort`
), bases AS (
  SELECT `cohort`, `mrr` AS `base` FROM ends WHERE `month` = `cohort`
)
SELECT e.`cohort`, e.`month`, e.`accounts`, e.`mrr`, b.`base`, round(toFloat64(e.`mrr`) / nullIf(toFloat64(b.`base`), 0), 6) AS `nrr`
FROM ends AS e JOIN bases AS b ON b.`cohort` = e.`cohort`;

-- What each type brought to each segment and month, and of how many accounts.
CREATE OR REPLACE VIEW expansion.expansion_by_type AS
SELECT `grouping`, `segment`, `interval` AS `month`, 'seat' AS `type`, `up_seat` AS `expansion_mrr`, `accounts_up_seat` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'upsell' AS `type`, `up_upsell` AS `expansion_mrr`, `accounts_up_upsell` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'cross_sell' AS `type`, `up_cross_sell` AS `expansion_mrr`, `accounts_up_cross_sell` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'add_on' AS `type`, `up_add_on` AS `expansion_mrr`, `accounts_up_add_on` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'usage' AS `type`, `up_usage` AS `expansion_mrr`, `accounts_up_usage` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'price_increase' AS `type`, `up_price_increase` AS `expansion_mrr`, `accounts_up_price_increase` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'renewal_uplift' AS `type`, `up_renewal_uplift` AS `expansion_mrr`, `accounts_up_renewal_uplift` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'contract_ramp' AS `type`, `up_contract_ramp` AS `expansion_mrr`, `accounts_up_contract_ramp` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'discount_expiry' AS `type`, `up_discount_expiry` AS `expansion_mrr`, `accounts_up_discount_expiry` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'geographic' AS `type`, `up_geographic` AS `expansion_mrr`, `accounts_up_geographic` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'feature_adoption' AS `type`, `up_feature_adoption` AS `expansion_mrr`, `accounts_up_feature_adoption` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month'
UNION ALL
SELECT `grouping`, `segment`, `interval` AS `month`, 'other' AS `type`, `up_other` AS `expansion_mrr`, `accounts_up_other` AS `accounts`
FROM expansion.metrics_current WHERE `interval_kind` = 'month';

-- Each period as it was reported when it was first final, and as it is known now.
CREATE OR REPLACE VIEW expansion.reported_and_known AS
SELECT v.`grouping`, v.`segment`, v.`interval_kind`, v.`interval`, v.`known_at` AS `reported_at`,
  v.`closing_mrr` AS `reported_closing_mrr`, m.`closing_mrr` AS `known_closing_mrr`, m.`closing_mrr` - v.`closing_mrr` AS `closing_mrr_since`,
  v.`expansion_mrr` AS `reported_expansion_mrr`, m.`expansion_mrr` AS `known_expansion_mrr`,
  m.`expansion_mrr` - v.`expansion_mrr` AS `expansion_mrr_since`, m.`known_at`
FROM expansion.vintage_current AS v LEFT JOIN expansion.metrics_current AS m
  ON m.`grouping` = v.`grouping` AND m.`segment` = v.`segment` AND m.`interval_kind` = v.`interval_kind` AND m.`interval` = v.`interval`;
