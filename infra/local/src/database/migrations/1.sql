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

-- Times are milliseconds since 1970.

CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,                -- pending | received | labelled | rejected | failed
    image BLOB,                         -- SHA-256; from received on, until the image is removed
    reason TEXT,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX uploads_by_user ON uploads (user, created_at);
CREATE INDEX uploads_by_state ON uploads (state, created_at);
CREATE INDEX uploads_by_image ON uploads (image) WHERE image IS NOT NULL;

CREATE TABLE images (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,            -- SHA-256 of the uploaded bytes
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    uploaded_at INTEGER NOT NULL
);

-- Who brought an image, in the order in which they came. Outlives the rows of the uploads.
CREATE TABLE attached (
    image INTEGER NOT NULL REFERENCES images (key) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    upload TEXT NOT NULL,
    user TEXT NOT NULL,
    PRIMARY KEY (image, place)
) WITHOUT ROWID;

-- AUTOINCREMENT: a number is a place in listings, so it is never given twice.
CREATE TABLE results (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    image INTEGER NOT NULL UNIQUE REFERENCES images (key) ON DELETE CASCADE,
    status TEXT NOT NULL,               -- visible | pending | approved | removed
    version INTEGER NOT NULL,
    analysis TEXT NOT NULL              -- JSON: labels, moderation, colours, when
);
CREATE INDEX results_by_status ON results (status, number);

-- What images are found by, and how many have it: in all, and of those that everyone may see.
CREATE TABLE terms (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                 -- label | uploader | property
    name TEXT NOT NULL,
    visible INTEGER NOT NULL,
    total INTEGER NOT NULL,
    UNIQUE (kind, name)
);
CREATE INDEX terms_by_visible ON terms (visible DESC, name) WHERE kind = 'label';
CREATE INDEX terms_by_total ON terms (total DESC, name) WHERE kind = 'label';

-- Which images have a term. Read from the end: newest first.
CREATE TABLE postings (
    term INTEGER NOT NULL,
    number INTEGER NOT NULL,            -- results.number
    confidence INTEGER NOT NULL,        -- in hundredths of a percent
    hidden INTEGER NOT NULL,            -- 1: for moderators only
    PRIMARY KEY (term, number)
) WITHOUT ROWID;

CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    newest INTEGER NOT NULL             -- the last number that was given
);

CREATE TABLE notifications (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,                 -- JSON
    placed TEXT NOT NULL,               -- JSON: its topics and its numbers there
    entries INTEGER NOT NULL            -- how many of them are still kept
);

CREATE TABLE entries (
    topic INTEGER NOT NULL,             -- topics.id
    seq INTEGER NOT NULL,
    notification INTEGER NOT NULL,      -- notifications.number
    written_at INTEGER NOT NULL,
    PRIMARY KEY (topic, seq)
) WITHOUT ROWID;
