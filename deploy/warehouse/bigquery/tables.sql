-- Tables of rows in BigQuery, and of each a view of what counts: the largest version of a key, unless it is deleted.
-- Generated for the dimensions and windows of a configuration: processor schema bigquery --config FILE
-- Rows are appended (deploy/connect/bigquery.json), every version of a key; the views take the largest.
CREATE SCHEMA IF NOT EXISTS expansion;

-- The fact table: every change of an account's MRR, one row per event, step, half of a move, month of usage and date of rates.
CREATE TABLE IF NOT EXISTS expansion.movements (
  `account` STRING NOT NULL OPTIONS (description = "The account."),
  `movement` STRING NOT NULL OPTIONS (description = "What moved it: event/, transfer/, usage/ or fx/ and its identity."),
  `effective_at` TIMESTAMP NOT NULL OPTIONS (description = "The instant at which it is booked."),
  `class` STRING NOT NULL OPTIONS (description = "opening, new, expansion, contraction, churn, reactivation, pause, resume, transfer, fx, none, scheduled, revoked."),
  `change` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Change of MRR, with its sign; the sum over an account is its MRR."),
  `mrr_before` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The account's MRR before it."),
  `mrr_after` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The account's MRR after it."),
  `paused` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that stopped to count."),
  `resumed` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that counts again."),
  `up_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more seats of the same plan."),
  `up_upsell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a dearer plan."),
  `up_cross_sell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a product family that the account did not have."),
  `up_add_on` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: an add-on."),
  `up_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more use of a metered line."),
  `up_price_increase` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price of the same plan."),
  `up_renewal_uplift` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price at a renewal."),
  `up_contract_ramp` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price that was agreed before."),
  `up_discount_expiry` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a smaller discount, or none."),
  `up_geographic` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a region that is new to the account."),
  `up_feature_adoption` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a line that was free and is paid now."),
  `up_other` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: anything else, such as a line that comes back."),
  `down_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: fewer seats of the same plan."),
  `down_downgrade` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a cheaper plan."),
  `down_removed` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a line that ended while the account goes on."),
  `down_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: less use of a metered line."),
  `down_price_decrease` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a lower price of the same plan."),
  `down_discount` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a new or larger discount."),
  `rule` STRING NOT NULL OPTIONS (description = "The definition that decided."),
  `inferred` BOOL NOT NULL OPTIONS (description = "False where a motion renamed a part."),
  `merged_into` STRING OPTIONS (description = "The movement that this event became part of."),
  `provisional` BOOL NOT NULL OPTIONS (description = "Usage of an open month: it will move."),
  `unconfirmed` BOOL NOT NULL OPTIONS (description = "A rise of usage that the next month has not confirmed."),
  `dim_region` STRING OPTIONS (description = "The account's region at that instant; null where it has none."),
  `dim_plan_tier` STRING OPTIONS (description = "The account's plan_tier at that instant; null where it has none."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `account`, `movement`;
CREATE OR REPLACE VIEW expansion.movements_current AS
SELECT * FROM (
  SELECT * FROM expansion.movements WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `account`, `movement` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- Every account as it is now.
CREATE TABLE IF NOT EXISTS expansion.accounts (
  `account` STRING NOT NULL OPTIONS (description = "The account."),
  `name` STRING OPTIONS (description = "The name that it was given."),
  `status` STRING NOT NULL OPTIONS (description = "paying, paused, churned, never_paid."),
  `mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR now."),
  `committed_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR after every change that is known already."),
  `arr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "12 x mrr."),
  `usage_run_rate` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The usage in mrr."),
  `first_paid_at` TIMESTAMP OPTIONS (description = "When it first held something paid."),
  `last_class` STRING OPTIONS (description = "The class of its last movement with an amount."),
  `last_movement_at` TIMESTAMP OPTIONS (description = "When that was."),
  `_7d_expansion_mrr` BIGNUMERIC(38, 6) OPTIONS (description = "Expansion in the last 7d, without usage."),
  `_7d_contraction_mrr` BIGNUMERIC(38, 6) OPTIONS (description = "Contraction in the last 7d, without usage, positive."),
  `_7d_net_change` BIGNUMERIC(38, 6) OPTIONS (description = "Change of MRR in the last 7d, with usage and everything else."),
  `_30d_expansion_mrr` BIGNUMERIC(38, 6) OPTIONS (description = "Expansion in the last 30d, without usage."),
  `_30d_contraction_mrr` BIGNUMERIC(38, 6) OPTIONS (description = "Contraction in the last 30d, without usage, positive."),
  `_30d_net_change` BIGNUMERIC(38, 6) OPTIONS (description = "Change of MRR in the last 30d, with usage and everything else."),
  `_90d_expansion_mrr` BIGNUMERIC(38, 6) OPTIONS (description = "Expansion in the last 90d, without usage."),
  `_90d_contraction_mrr` BIGNUMERIC(38, 6) OPTIONS (description = "Contraction in the last 90d, without usage, positive."),
  `_90d_net_change` BIGNUMERIC(38, 6) OPTIONS (description = "Change of MRR in the last 90d, with usage and everything else."),
  `utilization` BIGNUMERIC(38, 6) OPTIONS (description = "The highest part of what it bought that it uses."),
  `utilization_reason` STRING OPTIONS (description = "Why utilization is null: zero_base, not_defined."),
  `readiness_index` INT64 OPTIONS (description = "How ready it is to expand, 0 to 100."),
  `gated` BOOL OPTIONS (description = "True while something speaks against asking."),
  `dim_region` STRING OPTIONS (description = "The account's region now; null where it has none."),
  `dim_plan_tier` STRING OPTIONS (description = "The account's plan_tier now; null where it has none."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `account`;
CREATE OR REPLACE VIEW expansion.accounts_current AS
SELECT * FROM (
  SELECT * FROM expansion.accounts WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `account` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- An account in a month in which it had a movement or a charge.
CREATE TABLE IF NOT EXISTS expansion.account_months (
  `account` STRING NOT NULL OPTIONS (description = "The account."),
  `month` STRING NOT NULL OPTIONS (description = "The month in the reporting zone, 2026-03."),
  `opening_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR before the month."),
  `new_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that never paid before."),
  `expansion_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR by which paying accounts grew."),
  `contraction_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR by which paying accounts shrank, positive."),
  `churned_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that pay nothing any more, positive."),
  `reactivation_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that came back after churn."),
  `paused_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that stopped to count, positive."),
  `resumed_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that counts again."),
  `transfer_in_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that came from another account or segment."),
  `transfer_out_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that went to another account or segment, positive."),
  `fx_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Revaluation by a new rate table, with its sign."),
  `opening_balance` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The imported base that came within it; part of opening_mrr."),
  `closing_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR at its end, or now."),
  `up_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more seats of the same plan."),
  `up_upsell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a dearer plan."),
  `up_cross_sell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a product family that the account did not have."),
  `up_add_on` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: an add-on."),
  `up_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more use of a metered line."),
  `up_price_increase` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price of the same plan."),
  `up_renewal_uplift` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price at a renewal."),
  `up_contract_ramp` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price that was agreed before."),
  `up_discount_expiry` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a smaller discount, or none."),
  `up_geographic` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a region that is new to the account."),
  `up_feature_adoption` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a line that was free and is paid now."),
  `up_other` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: anything else, such as a line that comes back."),
  `down_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: fewer seats of the same plan."),
  `down_downgrade` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a cheaper plan."),
  `down_removed` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a line that ended while the account goes on."),
  `down_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: less use of a metered line."),
  `down_price_decrease` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a lower price of the same plan."),
  `down_discount` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a new or larger discount."),
  `non_recurring` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Charges that do not recur."),
  `dim_region` STRING OPTIONS (description = "The account's region before the month; null where it has none."),
  `dim_plan_tier` STRING OPTIONS (description = "The account's plan_tier before the month; null where it has none."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `account`, `month`;
CREATE OR REPLACE VIEW expansion.account_months_current AS
SELECT * FROM (
  SELECT * FROM expansion.account_months WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `account`, `month` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- Sums, counts and ratios of a segment in an interval.
CREATE TABLE IF NOT EXISTS expansion.metrics (
  `grouping` STRING NOT NULL OPTIONS (description = "By what is split: all, region."),
  `segment` STRING NOT NULL OPTIONS (description = "Which part it is: all, eu, (none) where the attribute is missing."),
  `interval_kind` STRING NOT NULL OPTIONS (description = "day, week, month, quarter, year, rolling."),
  `interval` STRING NOT NULL OPTIONS (description = "2026-03-05, 2026-W10, 2026-03, 2026-Q1, 2026, 30d."),
  `starts_at` TIMESTAMP OPTIONS (description = "The first instant of the interval."),
  `ends_at` TIMESTAMP OPTIONS (description = "The first instant after it."),
  `opening_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR before the interval, with the imported base."),
  `new_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that never paid before."),
  `expansion_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR by which paying accounts grew."),
  `contraction_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR by which paying accounts shrank, positive."),
  `churned_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that pay nothing any more, positive."),
  `reactivation_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that came back after churn."),
  `paused_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that stopped to count, positive."),
  `resumed_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that counts again."),
  `transfer_in_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that came from another account or segment."),
  `transfer_out_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that went to another account or segment, positive."),
  `fx_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Revaluation by a new rate table, with its sign."),
  `opening_balance` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The imported base that came within it; part of opening_mrr."),
  `usage_change` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Net of usage in days, weeks and windows."),
  `closing_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR at its end, or now."),
  `committed_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR after every change that is known already."),
  `confirmed_expansion_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Expansion without unconfirmed rises of usage."),
  `usage_run_rate` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The usage in closing_mrr."),
  `arr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "12 x closing_mrr."),
  `up_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more seats of the same plan."),
  `up_upsell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a dearer plan."),
  `up_cross_sell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a product family that the account did not have."),
  `up_add_on` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: an add-on."),
  `up_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more use of a metered line."),
  `up_price_increase` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price of the same plan."),
  `up_renewal_uplift` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price at a renewal."),
  `up_contract_ramp` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price that was agreed before."),
  `up_discount_expiry` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a smaller discount, or none."),
  `up_geographic` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a region that is new to the account."),
  `up_feature_adoption` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a line that was free and is paid now."),
  `up_other` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: anything else, such as a line that comes back."),
  `down_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: fewer seats of the same plan."),
  `down_downgrade` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a cheaper plan."),
  `down_removed` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a line that ended while the account goes on."),
  `down_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: less use of a metered line."),
  `down_price_decrease` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a lower price of the same plan."),
  `down_discount` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a new or larger discount."),
  `non_recurring` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Charges that do not recur."),
  `cohort_expansion_net` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Closing less opening of the accounts that had MRR at the opening."),
  `accounts_opening` INT64 NOT NULL OPTIONS (description = "Accounts with MRR above 0 before it."),
  `accounts_closing` INT64 NOT NULL OPTIONS (description = "Accounts with MRR above 0 at its end."),
  `accounts_new` INT64 NOT NULL OPTIONS (description = "Accounts that paid for the first time."),
  `accounts_churned` INT64 NOT NULL OPTIONS (description = "Accounts that pay nothing any more."),
  `accounts_reactivated` INT64 NOT NULL OPTIONS (description = "Accounts that came back after churn."),
  `accounts_paused` INT64 NOT NULL OPTIONS (description = "Accounts that became paused as a whole."),
  `accounts_resumed` INT64 NOT NULL OPTIONS (description = "Accounts that ceased to be."),
  `accounts_transferred_in` INT64 NOT NULL OPTIONS (description = "Accounts that came into the segment, or came with all they have."),
  `accounts_transferred_out` INT64 NOT NULL OPTIONS (description = "Accounts that left the segment, or went with all they have."),
  `accounts_expanding` INT64 NOT NULL OPTIONS (description = "Distinct accounts that expanded."),
  `accounts_contracting` INT64 NOT NULL OPTIONS (description = "Distinct accounts that contracted."),
  `accounts_up_seat` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: more seats of the same plan."),
  `accounts_up_upsell` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a dearer plan."),
  `accounts_up_cross_sell` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a product family that the account did not have."),
  `accounts_up_add_on` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: an add-on."),
  `accounts_up_usage` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: more use of a metered line."),
  `accounts_up_price_increase` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a higher price of the same plan."),
  `accounts_up_renewal_uplift` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a higher price at a renewal."),
  `accounts_up_contract_ramp` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a higher price that was agreed before."),
  `accounts_up_discount_expiry` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a smaller discount, or none."),
  `accounts_up_geographic` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a region that is new to the account."),
  `accounts_up_feature_adoption` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a line that was free and is paid now."),
  `accounts_up_other` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: anything else, such as a line that comes back."),
  `expansion_rate` BIGNUMERIC(38, 6) OPTIONS (description = "expansion_mrr / opening_mrr."),
  `expansion_rate_reason` STRING OPTIONS (description = "Why expansion_rate is null: zero_base, not_defined."),
  `expansion_share_of_gross_new` BIGNUMERIC(38, 6) OPTIONS (description = "Expansion / (new + reactivation + expansion)."),
  `expansion_share_of_gross_new_reason` STRING OPTIONS (description = "Why expansion_share_of_gross_new is null: zero_base, not_defined."),
  `share_seat` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: more seats of the same plan."),
  `share_seat_reason` STRING OPTIONS (description = "Why share_seat is null: zero_base, not_defined."),
  `share_upsell` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a dearer plan."),
  `share_upsell_reason` STRING OPTIONS (description = "Why share_upsell is null: zero_base, not_defined."),
  `share_cross_sell` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a product family that the account did not have."),
  `share_cross_sell_reason` STRING OPTIONS (description = "Why share_cross_sell is null: zero_base, not_defined."),
  `share_add_on` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: an add-on."),
  `share_add_on_reason` STRING OPTIONS (description = "Why share_add_on is null: zero_base, not_defined."),
  `share_usage` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: more use of a metered line."),
  `share_usage_reason` STRING OPTIONS (description = "Why share_usage is null: zero_base, not_defined."),
  `share_price_increase` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a higher price of the same plan."),
  `share_price_increase_reason` STRING OPTIONS (description = "Why share_price_increase is null: zero_base, not_defined."),
  `share_renewal_uplift` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a higher price at a renewal."),
  `share_renewal_uplift_reason` STRING OPTIONS (description = "Why share_renewal_uplift is null: zero_base, not_defined."),
  `share_contract_ramp` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a higher price that was agreed before."),
  `share_contract_ramp_reason` STRING OPTIONS (description = "Why share_contract_ramp is null: zero_base, not_defined."),
  `share_discount_expiry` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a smaller discount, or none."),
  `share_discount_expiry_reason` STRING OPTIONS (description = "Why share_discount_expiry is null: zero_base, not_defined."),
  `share_geographic` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a region that is new to the account."),
  `share_geographic_reason` STRING OPTIONS (description = "Why share_geographic is null: zero_base, not_defined."),
  `share_feature_adoption` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a line that was free and is paid now."),
  `share_feature_adoption_reason` STRING OPTIONS (description = "Why share_feature_adoption is null: zero_base, not_defined."),
  `share_other` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: anything else, such as a line that comes back."),
  `share_other_reason` STRING OPTIONS (description = "Why share_other is null: zero_base, not_defined."),
  `growth_rate` BIGNUMERIC(38, 6) OPTIONS (description = "expansion_mrr / that of the interval before - 1."),
  `growth_rate_reason` STRING OPTIONS (description = "Why growth_rate is null: zero_base, not_defined."),
  `mrr_growth_rate` BIGNUMERIC(38, 6) OPTIONS (description = "closing_mrr / opening_mrr - 1."),
  `mrr_growth_rate_reason` STRING OPTIONS (description = "Why mrr_growth_rate is null: zero_base, not_defined."),
  `arpa` BIGNUMERIC(38, 6) OPTIONS (description = "closing_mrr / accounts_closing."),
  `arpa_reason` STRING OPTIONS (description = "Why arpa is null: zero_base, not_defined."),
  `revenue_churn_rate` BIGNUMERIC(38, 6) OPTIONS (description = "churned_mrr / opening_mrr."),
  `revenue_churn_rate_reason` STRING OPTIONS (description = "Why revenue_churn_rate is null: zero_base, not_defined."),
  `logo_churn_rate` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_churned / accounts_opening."),
  `logo_churn_rate_reason` STRING OPTIONS (description = "Why logo_churn_rate is null: zero_base, not_defined."),
  `upsell_rate` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_up_upsell / accounts_opening."),
  `upsell_rate_reason` STRING OPTIONS (description = "Why upsell_rate is null: zero_base, not_defined."),
  `cross_sell_rate` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_up_cross_sell / accounts_opening."),
  `cross_sell_rate_reason` STRING OPTIONS (description = "Why cross_sell_rate is null: zero_base, not_defined."),
  `clv` BIGNUMERIC(38, 6) OPTIONS (description = "arpa / revenue_churn_rate, of months."),
  `clv_reason` STRING OPTIONS (description = "Why clv is null: zero_base, not_defined."),
  `nrr_1m` BIGNUMERIC(38, 6) OPTIONS (description = "Net revenue retention over a month."),
  `nrr_1m_reason` STRING OPTIONS (description = "Why nrr_1m is null: zero_base, not_defined."),
  `grr_1m` BIGNUMERIC(38, 6) OPTIONS (description = "Gross revenue retention over a month."),
  `grr_1m_reason` STRING OPTIONS (description = "Why grr_1m is null: zero_base, not_defined."),
  `nrr_12m` BIGNUMERIC(38, 6) OPTIONS (description = "Net revenue retention over 12 months."),
  `nrr_12m_reason` STRING OPTIONS (description = "Why nrr_12m is null: zero_base, not_defined."),
  `grr_12m` BIGNUMERIC(38, 6) OPTIONS (description = "Gross revenue retention over 12 months."),
  `grr_12m_reason` STRING OPTIONS (description = "Why grr_12m is null: zero_base, not_defined."),
  `top_share` BIGNUMERIC(38, 6) OPTIONS (description = "Part of expansion that the largest tenth of accounts made."),
  `top_share_reason` STRING OPTIONS (description = "Why top_share is null: zero_base, not_defined."),
  `hhi` BIGNUMERIC(38, 6) OPTIONS (description = "Concentration of expansion, 0 to 1."),
  `hhi_reason` STRING OPTIONS (description = "Why hhi is null: zero_base, not_defined."),
  `breadth` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_expanding / accounts_opening."),
  `breadth_reason` STRING OPTIONS (description = "Why breadth is null: zero_base, not_defined."),
  `primary_driver` STRING OPTIONS (description = "The type with at least 70 % of all up parts."),
  `expansion_rate_band` STRING OPTIONS (description = "Where expansion_rate lies among benchmarks."),
  `share_band` STRING OPTIONS (description = "Where expansion_share_of_gross_new lies."),
  `nrr_band` STRING OPTIONS (description = "Where nrr_12m lies."),
  `target` BIGNUMERIC(38, 6) OPTIONS (description = "The planned expansion_mrr."),
  `target_ratio` BIGNUMERIC(38, 6) OPTIONS (description = "expansion_mrr / target."),
  `target_ratio_reason` STRING OPTIONS (description = "Why target_ratio is null: zero_base, not_defined."),
  `complete_shards` INT64 NOT NULL OPTIONS (description = "From how many partitions it is complete."),
  `shards` INT64 NOT NULL OPTIONS (description = "How many there are."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `grouping`, `segment`, `interval_kind`, `interval`;
CREATE OR REPLACE VIEW expansion.metrics_current AS
SELECT * FROM (
  SELECT * FROM expansion.metrics WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `grouping`, `segment`, `interval_kind`, `interval` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- The row of `metrics` of a period as it was when it was first final: what was reported. It is never sent again.
CREATE TABLE IF NOT EXISTS expansion.vintage (
  `grouping` STRING NOT NULL OPTIONS (description = "By what is split: all, region."),
  `segment` STRING NOT NULL OPTIONS (description = "Which part it is: all, eu, (none) where the attribute is missing."),
  `interval_kind` STRING NOT NULL OPTIONS (description = "day, week, month, quarter, year, rolling."),
  `interval` STRING NOT NULL OPTIONS (description = "2026-03-05, 2026-W10, 2026-03, 2026-Q1, 2026, 30d."),
  `starts_at` TIMESTAMP OPTIONS (description = "The first instant of the interval."),
  `ends_at` TIMESTAMP OPTIONS (description = "The first instant after it."),
  `opening_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR before the interval, with the imported base."),
  `new_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that never paid before."),
  `expansion_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR by which paying accounts grew."),
  `contraction_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR by which paying accounts shrank, positive."),
  `churned_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that pay nothing any more, positive."),
  `reactivation_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of accounts that came back after churn."),
  `paused_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that stopped to count, positive."),
  `resumed_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that counts again."),
  `transfer_in_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that came from another account or segment."),
  `transfer_out_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR that went to another account or segment, positive."),
  `fx_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Revaluation by a new rate table, with its sign."),
  `opening_balance` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The imported base that came within it; part of opening_mrr."),
  `usage_change` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Net of usage in days, weeks and windows."),
  `closing_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR at its end, or now."),
  `committed_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR after every change that is known already."),
  `confirmed_expansion_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Expansion without unconfirmed rises of usage."),
  `usage_run_rate` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The usage in closing_mrr."),
  `arr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "12 x closing_mrr."),
  `up_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more seats of the same plan."),
  `up_upsell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a dearer plan."),
  `up_cross_sell` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a product family that the account did not have."),
  `up_add_on` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: an add-on."),
  `up_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: more use of a metered line."),
  `up_price_increase` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price of the same plan."),
  `up_renewal_uplift` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price at a renewal."),
  `up_contract_ramp` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a higher price that was agreed before."),
  `up_discount_expiry` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a smaller discount, or none."),
  `up_geographic` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a region that is new to the account."),
  `up_feature_adoption` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: a line that was free and is paid now."),
  `up_other` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR rose by: anything else, such as a line that comes back."),
  `down_seat` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: fewer seats of the same plan."),
  `down_downgrade` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a cheaper plan."),
  `down_removed` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a line that ended while the account goes on."),
  `down_usage` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: less use of a metered line."),
  `down_price_decrease` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a lower price of the same plan."),
  `down_discount` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What MRR fell by: a new or larger discount."),
  `non_recurring` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Charges that do not recur."),
  `cohort_expansion_net` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "Closing less opening of the accounts that had MRR at the opening."),
  `accounts_opening` INT64 NOT NULL OPTIONS (description = "Accounts with MRR above 0 before it."),
  `accounts_closing` INT64 NOT NULL OPTIONS (description = "Accounts with MRR above 0 at its end."),
  `accounts_new` INT64 NOT NULL OPTIONS (description = "Accounts that paid for the first time."),
  `accounts_churned` INT64 NOT NULL OPTIONS (description = "Accounts that pay nothing any more."),
  `accounts_reactivated` INT64 NOT NULL OPTIONS (description = "Accounts that came back after churn."),
  `accounts_paused` INT64 NOT NULL OPTIONS (description = "Accounts that became paused as a whole."),
  `accounts_resumed` INT64 NOT NULL OPTIONS (description = "Accounts that ceased to be."),
  `accounts_transferred_in` INT64 NOT NULL OPTIONS (description = "Accounts that came into the segment, or came with all they have."),
  `accounts_transferred_out` INT64 NOT NULL OPTIONS (description = "Accounts that left the segment, or went with all they have."),
  `accounts_expanding` INT64 NOT NULL OPTIONS (description = "Distinct accounts that expanded."),
  `accounts_contracting` INT64 NOT NULL OPTIONS (description = "Distinct accounts that contracted."),
  `accounts_up_seat` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: more seats of the same plan."),
  `accounts_up_upsell` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a dearer plan."),
  `accounts_up_cross_sell` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a product family that the account did not have."),
  `accounts_up_add_on` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: an add-on."),
  `accounts_up_usage` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: more use of a metered line."),
  `accounts_up_price_increase` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a higher price of the same plan."),
  `accounts_up_renewal_uplift` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a higher price at a renewal."),
  `accounts_up_contract_ramp` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a higher price that was agreed before."),
  `accounts_up_discount_expiry` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a smaller discount, or none."),
  `accounts_up_geographic` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a region that is new to the account."),
  `accounts_up_feature_adoption` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: a line that was free and is paid now."),
  `accounts_up_other` INT64 NOT NULL OPTIONS (description = "Distinct accounts with this part: anything else, such as a line that comes back."),
  `expansion_rate` BIGNUMERIC(38, 6) OPTIONS (description = "expansion_mrr / opening_mrr."),
  `expansion_rate_reason` STRING OPTIONS (description = "Why expansion_rate is null: zero_base, not_defined."),
  `expansion_share_of_gross_new` BIGNUMERIC(38, 6) OPTIONS (description = "Expansion / (new + reactivation + expansion)."),
  `expansion_share_of_gross_new_reason` STRING OPTIONS (description = "Why expansion_share_of_gross_new is null: zero_base, not_defined."),
  `share_seat` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: more seats of the same plan."),
  `share_seat_reason` STRING OPTIONS (description = "Why share_seat is null: zero_base, not_defined."),
  `share_upsell` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a dearer plan."),
  `share_upsell_reason` STRING OPTIONS (description = "Why share_upsell is null: zero_base, not_defined."),
  `share_cross_sell` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a product family that the account did not have."),
  `share_cross_sell_reason` STRING OPTIONS (description = "Why share_cross_sell is null: zero_base, not_defined."),
  `share_add_on` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: an add-on."),
  `share_add_on_reason` STRING OPTIONS (description = "Why share_add_on is null: zero_base, not_defined."),
  `share_usage` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: more use of a metered line."),
  `share_usage_reason` STRING OPTIONS (description = "Why share_usage is null: zero_base, not_defined."),
  `share_price_increase` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a higher price of the same plan."),
  `share_price_increase_reason` STRING OPTIONS (description = "Why share_price_increase is null: zero_base, not_defined."),
  `share_renewal_uplift` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a higher price at a renewal."),
  `share_renewal_uplift_reason` STRING OPTIONS (description = "Why share_renewal_uplift is null: zero_base, not_defined."),
  `share_contract_ramp` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a higher price that was agreed before."),
  `share_contract_ramp_reason` STRING OPTIONS (description = "Why share_contract_ramp is null: zero_base, not_defined."),
  `share_discount_expiry` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a smaller discount, or none."),
  `share_discount_expiry_reason` STRING OPTIONS (description = "Why share_discount_expiry is null: zero_base, not_defined."),
  `share_geographic` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a region that is new to the account."),
  `share_geographic_reason` STRING OPTIONS (description = "Why share_geographic is null: zero_base, not_defined."),
  `share_feature_adoption` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: a line that was free and is paid now."),
  `share_feature_adoption_reason` STRING OPTIONS (description = "Why share_feature_adoption is null: zero_base, not_defined."),
  `share_other` BIGNUMERIC(38, 6) OPTIONS (description = "Part of all up parts: anything else, such as a line that comes back."),
  `share_other_reason` STRING OPTIONS (description = "Why share_other is null: zero_base, not_defined."),
  `growth_rate` BIGNUMERIC(38, 6) OPTIONS (description = "expansion_mrr / that of the interval before - 1."),
  `growth_rate_reason` STRING OPTIONS (description = "Why growth_rate is null: zero_base, not_defined."),
  `mrr_growth_rate` BIGNUMERIC(38, 6) OPTIONS (description = "closing_mrr / opening_mrr - 1."),
  `mrr_growth_rate_reason` STRING OPTIONS (description = "Why mrr_growth_rate is null: zero_base, not_defined."),
  `arpa` BIGNUMERIC(38, 6) OPTIONS (description = "closing_mrr / accounts_closing."),
  `arpa_reason` STRING OPTIONS (description = "Why arpa is null: zero_base, not_defined."),
  `revenue_churn_rate` BIGNUMERIC(38, 6) OPTIONS (description = "churned_mrr / opening_mrr."),
  `revenue_churn_rate_reason` STRING OPTIONS (description = "Why revenue_churn_rate is null: zero_base, not_defined."),
  `logo_churn_rate` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_churned / accounts_opening."),
  `logo_churn_rate_reason` STRING OPTIONS (description = "Why logo_churn_rate is null: zero_base, not_defined."),
  `upsell_rate` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_up_upsell / accounts_opening."),
  `upsell_rate_reason` STRING OPTIONS (description = "Why upsell_rate is null: zero_base, not_defined."),
  `cross_sell_rate` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_up_cross_sell / accounts_opening."),
  `cross_sell_rate_reason` STRING OPTIONS (description = "Why cross_sell_rate is null: zero_base, not_defined."),
  `clv` BIGNUMERIC(38, 6) OPTIONS (description = "arpa / revenue_churn_rate, of months."),
  `clv_reason` STRING OPTIONS (description = "Why clv is null: zero_base, not_defined."),
  `nrr_1m` BIGNUMERIC(38, 6) OPTIONS (description = "Net revenue retention over a month."),
  `nrr_1m_reason` STRING OPTIONS (description = "Why nrr_1m is null: zero_base, not_defined."),
  `grr_1m` BIGNUMERIC(38, 6) OPTIONS (description = "Gross revenue retention over a month."),
  `grr_1m_reason` STRING OPTIONS (description = "Why grr_1m is null: zero_base, not_defined."),
  `nrr_12m` BIGNUMERIC(38, 6) OPTIONS (description = "Net revenue retention over 12 months."),
  `nrr_12m_reason` STRING OPTIONS (description = "Why nrr_12m is null: zero_base, not_defined."),
  `grr_12m` BIGNUMERIC(38, 6) OPTIONS (description = "Gross revenue retention over 12 months."),
  `grr_12m_reason` STRING OPTIONS (description = "Why grr_12m is null: zero_base, not_defined."),
  `top_share` BIGNUMERIC(38, 6) OPTIONS (description = "Part of expansion that the largest tenth of accounts made."),
  `top_share_reason` STRING OPTIONS (description = "Why top_share is null: zero_base, not_defined."),
  `hhi` BIGNUMERIC(38, 6) OPTIONS (description = "Concentration of expansion, 0 to 1."),
  `hhi_reason` STRING OPTIONS (description = "Why hhi is null: zero_base, not_defined."),
  `breadth` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_expanding / accounts_opening."),
  `breadth_reason` STRING OPTIONS (description = "Why breadth is null: zero_base, not_defined."),
  `primary_driver` STRING OPTIONS (description = "The type with at least 70 % of all up parts."),
  `expansion_rate_band` STRING OPTIONS (description = "Where expansion_rate lies among benchmarks."),
  `share_band` STRING OPTIONS (description = "Where expansion_share_of_gross_new lies."),
  `nrr_band` STRING OPTIONS (description = "Where nrr_12m lies."),
  `target` BIGNUMERIC(38, 6) OPTIONS (description = "The planned expansion_mrr."),
  `target_ratio` BIGNUMERIC(38, 6) OPTIONS (description = "expansion_mrr / target."),
  `target_ratio_reason` STRING OPTIONS (description = "Why target_ratio is null: zero_base, not_defined."),
  `complete_shards` INT64 NOT NULL OPTIONS (description = "From how many partitions it is complete."),
  `shards` INT64 NOT NULL OPTIONS (description = "How many there are."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `grouping`, `segment`, `interval_kind`, `interval`;
CREATE OR REPLACE VIEW expansion.vintage_current AS
SELECT * FROM (
  SELECT * FROM expansion.vintage WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `grouping`, `segment`, `interval_kind`, `interval` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- A sign that an account may expand, and what became of it.
CREATE TABLE IF NOT EXISTS expansion.signals (
  `account` STRING NOT NULL OPTIONS (description = "The account."),
  `signal` STRING NOT NULL OPTIONS (description = "What it is about, and since when."),
  `name` STRING NOT NULL OPTIONS (description = "usage, seats, team_growth, feature_request, feature_adopted, milestone, nps, health."),
  `threshold` INT64 OPTIONS (description = "Percent of the limit that was reached."),
  `subscription` STRING OPTIONS (description = "The subscription that it is about."),
  `item` STRING OPTIONS (description = "The item that it is about."),
  `detail` STRING OPTIONS (description = "The text of an observation, such as the feature."),
  `opened_at` TIMESTAMP NOT NULL OPTIONS (description = "Its instant."),
  `ends_at` TIMESTAMP OPTIONS (description = "From when on nothing converts it."),
  `state` STRING NOT NULL OPTIONS (description = "open, converted, missed."),
  `closed_at` TIMESTAMP OPTIONS (description = "Since when it is not open."),
  `movement` STRING OPTIONS (description = "The movement that converted it."),
  `days_to_expand` INT64 OPTIONS (description = "Whole days from the signal to that movement."),
  `value` BIGNUMERIC(38, 6) OPTIONS (description = "What was used or observed when it opened."),
  `bound` BIGNUMERIC(38, 6) OPTIONS (description = "Of how much."),
  `utilization` BIGNUMERIC(38, 6) OPTIONS (description = "value / bound."),
  `utilization_reason` STRING OPTIONS (description = "Why utilization is null: zero_base, not_defined."),
  `reached_on` DATE OPTIONS (description = "The local date at which usage came to the limit."),
  `projected_on` DATE OPTIONS (description = "The local date at which it will, at this pace."),
  `potential_mrr` BIGNUMERIC(38, 6) OPTIONS (description = "What the next step would cost."),
  `expansion_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What the account expanded by."),
  `gated_by` STRING OPTIONS (description = "Why the account is gated, while the signal is open."),
  `dim_region` STRING OPTIONS (description = "The account's region when it opened; null where it has none."),
  `dim_plan_tier` STRING OPTIONS (description = "The account's plan_tier when it opened; null where it has none."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `account`, `signal`;
CREATE OR REPLACE VIEW expansion.signals_current AS
SELECT * FROM (
  SELECT * FROM expansion.signals WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `account`, `signal` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- What a signal came to in a segment and month.
CREATE TABLE IF NOT EXISTS expansion.signal_metrics (
  `grouping` STRING NOT NULL OPTIONS (description = "By what is split: all, region."),
  `segment` STRING NOT NULL OPTIONS (description = "Which part it is: all, eu, (none) where the attribute is missing."),
  `interval_kind` STRING NOT NULL OPTIONS (description = "day, week, month, quarter, year, rolling."),
  `interval` STRING NOT NULL OPTIONS (description = "2026-03-05, 2026-W10, 2026-03, 2026-Q1, 2026, 30d."),
  `signal` STRING NOT NULL OPTIONS (description = "The name of the signal."),
  `starts_at` TIMESTAMP OPTIONS (description = "The first instant of the interval."),
  `ends_at` TIMESTAMP OPTIONS (description = "The first instant after it."),
  `opened` INT64 NOT NULL OPTIONS (description = "Signals that opened in the month."),
  `converted` INT64 NOT NULL OPTIONS (description = "Of them, those that an expansion followed."),
  `missed` INT64 NOT NULL OPTIONS (description = "Of them, those that ended without."),
  `open` INT64 NOT NULL OPTIONS (description = "Of them, those that are open."),
  `accounts` INT64 NOT NULL OPTIONS (description = "Accounts that had one."),
  `accounts_converted` INT64 NOT NULL OPTIONS (description = "Accounts that had one converted."),
  `conversion_rate` BIGNUMERIC(38, 6) OPTIONS (description = "converted / (converted + missed)."),
  `conversion_rate_reason` STRING OPTIONS (description = "Why conversion_rate is null: zero_base, not_defined."),
  `activation_rate` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_converted / accounts."),
  `activation_rate_reason` STRING OPTIONS (description = "Why activation_rate is null: zero_base, not_defined."),
  `median_days_to_expand` BIGNUMERIC(38, 6) OPTIONS (description = "The median of days_to_expand."),
  `median_days_to_expand_reason` STRING OPTIONS (description = "Why median_days_to_expand is null: zero_base, not_defined."),
  `accounts_with` INT64 NOT NULL OPTIONS (description = "Accounts that paid before the month and had one open in it."),
  `accounts_with_expanding` INT64 NOT NULL OPTIONS (description = "Of them, those that expanded in it."),
  `expanding_rate_with` BIGNUMERIC(38, 6) OPTIONS (description = "accounts_with_expanding / accounts_with."),
  `expanding_rate_with_reason` STRING OPTIONS (description = "Why expanding_rate_with is null: zero_base, not_defined."),
  `expanding_rate_without` BIGNUMERIC(38, 6) OPTIONS (description = "The same of all other accounts."),
  `expanding_rate_without_reason` STRING OPTIONS (description = "Why expanding_rate_without is null: zero_base, not_defined."),
  `lift` BIGNUMERIC(38, 6) OPTIONS (description = "expanding_rate_with / expanding_rate_without."),
  `lift_reason` STRING OPTIONS (description = "Why lift is null: zero_base, not_defined."),
  `potential_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What the next steps of all that opened would cost."),
  `open_potential_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The same of those that are open."),
  `expansion_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What came of them."),
  `potential_ratio` BIGNUMERIC(38, 6) OPTIONS (description = "expansion_mrr / potential_mrr."),
  `potential_ratio_reason` STRING OPTIONS (description = "Why potential_ratio is null: zero_base, not_defined."),
  `complete_shards` INT64 NOT NULL OPTIONS (description = "From how many partitions it is complete."),
  `shards` INT64 NOT NULL OPTIONS (description = "How many there are."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `grouping`, `segment`, `interval_kind`, `interval`;
CREATE OR REPLACE VIEW expansion.signal_metrics_current AS
SELECT * FROM (
  SELECT * FROM expansion.signal_metrics WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `grouping`, `segment`, `interval_kind`, `interval`, `signal` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- A change of state of an alert.
CREATE TABLE IF NOT EXISTS expansion.alerts (
  `rule` STRING NOT NULL OPTIONS (description = "The rule that says when it fires."),
  `grouping` STRING NOT NULL OPTIONS (description = "By what is split."),
  `segment` STRING NOT NULL OPTIONS (description = "The segment that slowed down."),
  `state` STRING NOT NULL OPTIONS (description = "ok, pending, firing, resolved, suspect."),
  `suspect` STRING OPTIONS (description = "Why the figures are doubted: data gap."),
  `severity` STRING OPTIONS (description = "The rule's severity."),
  `metric` STRING OPTIONS (description = "The figure that the rule looks at."),
  `type` STRING OPTIONS (description = "The type of expansion that it is of."),
  `interval` STRING OPTIONS (description = "The window that it looks at."),
  `comparison` STRING OPTIONS (description = "What it is compared with."),
  `threshold` BIGNUMERIC(38, 6) OPTIONS (description = "The fall at which it fires."),
  `clear_threshold` BIGNUMERIC(38, 6) OPTIONS (description = "The fall below which it resolves."),
  `value` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "The figure."),
  `base` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "What it is compared with."),
  `fall` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "1 - value / base."),
  `opening_mrr` BIGNUMERIC(38, 6) NOT NULL OPTIONS (description = "MRR of the segment before the window."),
  `since` TIMESTAMP OPTIONS (description = "Since when it is in this state."),
  `pending_since` TIMESTAMP OPTIONS (description = "Since when the condition holds."),
  `fired_at` TIMESTAMP OPTIONS (description = "When it began to fire."),
  `resolved_at` TIMESTAMP OPTIONS (description = "When it ended."),
  `types` STRING NOT NULL OPTIONS (description = "The types that made the fall: name: before -> now; ..."),
  `segments` STRING NOT NULL OPTIONS (description = "The segments that made it."),
  `accounts` STRING NOT NULL OPTIONS (description = "The accounts that made it."),
  `summary` STRING NOT NULL OPTIONS (description = "All of it in a sentence."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `rule`, `grouping`, `segment`;
CREATE OR REPLACE VIEW expansion.alerts_current AS
SELECT * FROM (
  SELECT * FROM expansion.alerts WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `rule`, `grouping`, `segment` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- A record that was rejected, as `replay` prints it. On Kafka the record keeps its own bytes in every format, and these fields are headers.
CREATE TABLE IF NOT EXISTS expansion.dead_letters (
  `source_topic` STRING NOT NULL OPTIONS (description = "Where the record stood: its topic, or the file."),
  `partition` INT64 NOT NULL OPTIONS (description = "Its partition."),
  `offset` INT64 NOT NULL OPTIONS (description = "Its offset, or the line, from 0."),
  `reason` STRING NOT NULL OPTIONS (description = "Why it was not accepted, one of a closed set."),
  `detail` STRING NOT NULL OPTIONS (description = "The field, and what is wrong with it."),
  `at` TIMESTAMP OPTIONS (description = "The watermark by which it was judged."),
  `value` STRING NOT NULL OPTIONS (description = "Its bytes, where they are text."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `source_topic`, `partition`, `offset`;
CREATE OR REPLACE VIEW expansion.dead_letters_current AS
SELECT * FROM (
  SELECT * FROM expansion.dead_letters WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `source_topic`, `partition`, `offset` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;

-- How far a shard is: the last row of each of its flushes.
CREATE TABLE IF NOT EXISTS expansion.progress (
  `shard` INT64 NOT NULL OPTIONS (description = "The partition that it is about."),
  `shards` INT64 NOT NULL OPTIONS (description = "How many there are."),
  `positions` STRING NOT NULL OPTIONS (description = "topic/partition:next of its sources, separated by commas."),
  `watermark` TIMESTAMP NOT NULL OPTIONS (description = "Up to where the shard is complete."),
  `epoch` INT64 NOT NULL OPTIONS (description = "Rises at every start and change of owner."),
  `flush` INT64 NOT NULL OPTIONS (description = "The flush that this row closes, within the epoch."),
  `rows` INT64 NOT NULL OPTIONS (description = "Rows sent so far by this run."),
  `state_digest` STRING NOT NULL OPTIONS (description = "Of the identities of all kept records."),
  `version` INT64 NOT NULL OPTIONS (description = "Grows with every sending; of one key the row with the largest counts."),
  `known_at` TIMESTAMP OPTIONS (description = "The watermark when the row was made."),
  `restated` BOOL NOT NULL OPTIONS (description = "True where the row had been final and was corrected."),
  `final` BOOL NOT NULL OPTIONS (description = "True when nothing that comes in time changes it any more."),
  `deleted` BOOL NOT NULL OPTIONS (description = "True where the row's reason is gone: treat it as absent.")
)
CLUSTER BY `shard`;
CREATE OR REPLACE VIEW expansion.progress_current AS
SELECT * FROM (
  SELECT * FROM expansion.progress WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY `shard` ORDER BY `version` DESC) = 1
) AS newest
WHERE NOT `deleted`;
