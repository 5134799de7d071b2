-- When something was last published to a topic, or somebody last read it, in milliseconds: what nobody uses for long goes.
ALTER TABLE topics ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
UPDATE topics SET used_at = CAST(unixepoch('subsec') * 1000 AS INTEGER);
