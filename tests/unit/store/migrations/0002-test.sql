-- For test_migrate only: a second step, whose last statement fails when "spoiler" has a row twice.
ALTER TABLE device ADD COLUMN location TEXT NOT NULL DEFAULT 'unknown';
UPDATE meta SET value = value || ' moved' WHERE key = 'name';
CREATE TABLE IF NOT EXISTS spoiler (id INTEGER);
CREATE UNIQUE INDEX spoiler_once ON spoiler (id);
