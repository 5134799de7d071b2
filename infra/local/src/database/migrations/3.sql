-- Grows when the password or the groups change. Tokens carry the version under which they were issued, and end with it.
ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 0;

-- Grows with every change of the users, so that a running server notices what the command line did beside it.
CREATE TABLE revisions (
    name TEXT PRIMARY KEY,              -- users
    revision INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO revisions (name, revision) VALUES ('users', 0);

-- As triggers, so that no way of changing a user can leave something behind that was issued before.
CREATE TRIGGER users_changed AFTER UPDATE OF password, groups ON users BEGIN
    UPDATE users SET version = version + 1 WHERE name = new.name;
    DELETE FROM grants WHERE user = new.name;
    UPDATE revisions SET revision = revision + 1 WHERE name = 'users';
END;
CREATE TRIGGER users_added AFTER INSERT ON users BEGIN
    UPDATE revisions SET revision = revision + 1 WHERE name = 'users';
END;
CREATE TRIGGER users_removed AFTER DELETE ON users BEGIN
    UPDATE revisions SET revision = revision + 1 WHERE name = 'users';
END;

-- Audit lines of commands that ran beside the server, until it has written them to its log.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    record TEXT NOT NULL                -- JSON
);
