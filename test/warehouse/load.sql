-- Fills the tables of the schema replayed with the rows that `processor replay` printed (:'rows').
\set ON_ERROR_STOP on
CREATE TEMPORARY TABLE printed (line jsonb);
-- A row a line: neither of these characters can be in JSON that this program writes.
\set copy 'COPY printed FROM ''' :rows ''' WITH (FORMAT csv, QUOTE E''\\x01'', DELIMITER E''\\x02'')'
:copy;
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['movements', 'accounts', 'account_months', 'signals', 'metrics', 'signal_metrics'] LOOP
    EXECUTE format('INSERT INTO replayed.%I SELECT (jsonb_populate_record(NULL::replayed.%I, line -> ''value'')).* FROM printed WHERE line ->> ''topic'' = %L', t, t, t);
  END LOOP;
END $$;
