-- The table is the queue: who runs a row is kept in memory and in the file of running jobs. What was claimed when the process
-- ended runs again; that attempt was cut off and does not count.
UPDATE work SET attempts = max(attempts - 1, 0), visible_at = 0 WHERE claimed = 1 AND dead_at IS NULL;
DROP INDEX work_by_visibility;
ALTER TABLE work DROP COLUMN claimed;
ALTER TABLE work DROP COLUMN interrupted;
-- Set for a job that was under way when the process ended: how often that happened while it ran alone.
ALTER TABLE work ADD COLUMN suspect INTEGER;
-- In the order of their ids.
CREATE INDEX work_waiting ON work (target) WHERE dead_at IS NULL;
