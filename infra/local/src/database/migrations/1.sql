-- What belongs to the directory as a whole: the epoch of its history, the issuer of its tokens.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Asynchronous steps: created objects, queue messages, bus deliveries. One row a step and target.
CREATE TABLE work (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,               -- the function that takes it
    payload TEXT NOT NULL,              -- the event's content, as JSON
    attempts INTEGER NOT NULL DEFAULT 0,
    claimed INTEGER NOT NULL DEFAULT 0, -- 1 while it runs; what a killed process leaves claimed was interrupted, not failed
    interrupted INTEGER NOT NULL DEFAULT 0,
    visible_at INTEGER NOT NULL,        -- milliseconds; a claimed step becomes visible again when its claim runs out
    created_at INTEGER NOT NULL,
    dead_at INTEGER,                    -- set: a dead letter
    error TEXT                          -- of the last attempt
);
CREATE INDEX work_by_visibility ON work (visible_at) WHERE dead_at IS NULL;
CREATE INDEX work_dead ON work (dead_at) WHERE dead_at IS NOT NULL;

CREATE TABLE users (
    name TEXT PRIMARY KEY,
    sub TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,             -- Argon2, PHC format
    groups TEXT NOT NULL DEFAULT '[]',  -- JSON
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Codes and refresh tokens of the sign-in, by SHA-256; never the secret itself.
CREATE TABLE grants (
    secret BLOB PRIMARY KEY,
    kind TEXT NOT NULL,                 -- code | refresh
    user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    detail TEXT NOT NULL,               -- JSON: what the grant is bound to
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE api_keys (
    name TEXT PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,               -- JSON
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE idempotency (
    api_key TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    id TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    claimed_at INTEGER NOT NULL,
    PRIMARY KEY (api_key, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (claimed_at);
