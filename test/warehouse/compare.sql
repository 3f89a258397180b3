-- Holds the tables that were fed by Kafka Connect (schema expansion) against the rows of a replay of the same
-- events (schema replayed): everything but version, known_at and restated. Any difference is an error.
\set ON_ERROR_STOP on
SET search_path TO expansion;

CREATE TEMPORARY TABLE compared (what text, rows bigint, wrong bigint, example text);

DO $$
DECLARE
  t text; columns text; rows bigint; wrong bigint; example text;
BEGIN
  FOREACH t IN ARRAY ARRAY['movements', 'accounts', 'account_months', 'signals', 'metrics', 'signal_metrics',
    'mrr_by_day', 'waterfall_by_month', 'nrr_by_cohort', 'expansion_by_type'] LOOP
    SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) INTO columns FROM information_schema.columns
      WHERE table_schema = 'replayed' AND table_name = t AND column_name NOT IN ('version', 'known_at', 'restated');
    IF to_regclass('expansion.' || t || '_current') IS NOT NULL THEN t := t || '_current'; END IF;
    EXECUTE format('SELECT count(*) FROM replayed.%I', t) INTO rows;
    EXECUTE format('CREATE TEMPORARY TABLE different AS
        (SELECT %1$s, ''fed'' AS side FROM expansion.%2$I EXCEPT ALL SELECT %1$s, ''fed'' FROM replayed.%2$I) UNION ALL
        (SELECT %1$s, ''replayed'' FROM replayed.%2$I EXCEPT ALL SELECT %1$s, ''replayed'' FROM expansion.%2$I)', columns, t);
    SELECT count(*) INTO wrong FROM different;
    -- The first key that differs, on both sides.
    SELECT string_agg(d::text, E'\n') INTO example FROM (SELECT * FROM different ORDER BY 1, 2, 3, 4, 5 LIMIT 2) AS d;
    DROP TABLE different;
    INSERT INTO compared VALUES (t, rows, wrong, left(example, 2000));
  END LOOP;
END $$;

-- A period that is final was reported, and what was reported stays.
INSERT INTO compared
SELECT 'vintage: every final period', count(*), count(*) FILTER (WHERE v.version IS NULL), min(m.interval) FILTER (WHERE v.version IS NULL)
FROM metrics_current AS m LEFT JOIN vintage AS v USING (grouping, segment, interval_kind, interval)
WHERE m.final AND m.interval_kind <> 'rolling';
INSERT INTO compared
SELECT 'vintage: final, once and for all', count(*), count(*) FILTER (WHERE restated OR NOT final OR deleted), min(interval) FILTER (WHERE restated)
FROM vintage;
INSERT INTO compared
SELECT 'vintage: periods that became other', count(*), CASE WHEN count(*) = 0 THEN 1 ELSE 0 END, 'no late correction changed a reported period'
FROM reported_and_known WHERE closing_mrr_since <> 0 OR expansion_mrr_since <> 0;

-- The reports agree with each other: cohorts make up the company, and a waterfall closes.
INSERT INTO compared
SELECT 'cohorts: every month', count(*), count(*) FILTER (WHERE c.mrr IS DISTINCT FROM m.closing_mrr), min(month) FILTER (WHERE c.mrr IS DISTINCT FROM m.closing_mrr)
FROM waterfall_by_month AS m LEFT JOIN (SELECT month, sum(mrr) AS mrr FROM nrr_by_cohort GROUP BY month) AS c USING (month)
WHERE m.grouping = 'all';
INSERT INTO compared
SELECT 'waterfall: unexplained', count(*), count(*) FILTER (WHERE unexplained <> 0), min(month) FILTER (WHERE unexplained <> 0) FROM waterfall_by_month;
INSERT INTO compared
SELECT 'accounts: the sum of their movements', count(*), count(*) FILTER (WHERE a.mrr <> m.mrr), min(account) FILTER (WHERE a.mrr <> m.mrr)
FROM accounts_current AS a JOIN (SELECT account, sum(change) AS mrr FROM movements_current GROUP BY account) AS m USING (account);
INSERT INTO compared
SELECT 'progress: one watermark', count(*), count(DISTINCT watermark) - 1, min(watermark)::text FROM progress;

-- A row that is older than the one that is there is passed over, and one that is as old as it is taken.
INSERT INTO progress SELECT shard, shards, 'stale', watermark, epoch, flush, rows, state_digest, version - 1, known_at, restated, final, deleted FROM progress
  ON CONFLICT (shard) DO UPDATE SET positions = EXCLUDED.positions, version = EXCLUDED.version;
INSERT INTO progress SELECT shard, shards, positions, watermark, epoch, flush, rows, 'again', version, known_at, restated, final, deleted FROM progress
  ON CONFLICT (shard) DO UPDATE SET state_digest = EXCLUDED.state_digest;
INSERT INTO compared
SELECT 'an older version overwrites nothing', count(*), count(*) FILTER (WHERE positions = 'stale' OR state_digest <> 'again'), min(positions) FROM progress;

\pset footer off
SELECT what, rows, wrong, CASE WHEN wrong > 0 OR rows = 0 THEN example ELSE '' END AS example FROM compared;

DO $$
BEGIN
  IF EXISTS (SELECT FROM compared WHERE wrong > 0 OR rows = 0) THEN
    RAISE EXCEPTION 'the tables are not the rows of replay';
  END IF;
END $$;
