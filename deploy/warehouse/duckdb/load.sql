-- Fills the tables of tables.sql from rows.ndjson, which is what `processor replay` prints.
USE expansion;
CREATE OR REPLACE TEMPORARY TABLE printed AS SELECT * FROM
  read_json('rows.ndjson', format = 'newline_delimited', columns = {topic: 'VARCHAR', value: 'JSON'});

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'movements');
INSERT INTO movements BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'movements';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'accounts');
INSERT INTO accounts BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'accounts';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'account_months');
INSERT INTO account_months BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'account_months';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'metrics');
INSERT INTO metrics BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'metrics';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'vintage');
INSERT INTO vintage BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'vintage';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'signals');
INSERT INTO signals BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'signals';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'signal_metrics');
INSERT INTO signal_metrics BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'signal_metrics';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'alerts');
INSERT INTO alerts BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'alerts';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'dead_letters');
INSERT INTO dead_letters BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'dead-letters';

SET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns
  WHERE table_schema = 'expansion' AND table_name = 'progress');
INSERT INTO progress BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = 'progress';
