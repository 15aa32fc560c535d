-- oldest: 1
-- The live state and the wait log. Moments are seconds since 1970 (UTC): datetime(began, 'unixepoch') in SQLite, to_timestamp(began) in PostgreSQL.

CREATE TABLE sessions (            -- one row a call: its state, and the version that guards it
  id        INTEGER PRIMARY KEY,   -- given out by the writer; neighbours in time are neighbours in the file
  platform  TEXT NOT NULL,
  call      TEXT NOT NULL,
  version   INTEGER NOT NULL,
  waiting   BOOLEAN NOT NULL,      -- read back at the next start
  facts     INTEGER NOT NULL,      -- how many facts are kept of this call, so that a missing one shows
  caller    TEXT,                  -- pseudonym
  forgotten BOOLEAN NOT NULL DEFAULT FALSE,
  session   BLOB NOT NULL,         -- msgpack
  UNIQUE (platform, call)
);
CREATE INDEX sessions_waiting ON sessions (id) WHERE waiting;
CREATE INDEX sessions_of_caller ON sessions (caller) WHERE caller IS NOT NULL;
CREATE INDEX sessions_forgotten ON sessions (id) WHERE forgotten;

CREATE TABLE facts (               -- append-only
  session INTEGER NOT NULL,
  version INTEGER NOT NULL,
  n       INTEGER NOT NULL,        -- place among the facts of this version
  kind    TEXT NOT NULL,
  at      REAL NOT NULL,
  fact    TEXT NOT NULL,           -- JSON
  PRIMARY KEY (session, version, n)
) WITHOUT ROWID;

CREATE TABLE waits (               -- the wait log
  row           INTEGER PRIMARY KEY,
  session       INTEGER NOT NULL UNIQUE,  -- one row a call; by the session's id, which keeps new rows together in the file
  platform      TEXT NOT NULL,
  call          TEXT NOT NULL,
  queue         TEXT NOT NULL,
  caller        TEXT,
  began         REAL NOT NULL,
  ended         REAL,
  seconds       REAL,
  outcome       TEXT,              -- NULL: waiting still
  amended       BOOLEAN NOT NULL,
  position_told INTEGER,
  estimate_told REAL,
  heard         TEXT NOT NULL,     -- JSON: [{"content", "kind", "seconds"}]
  choices       TEXT NOT NULL,     -- JSON: [{"what", "via", "at"}]
  holds         TEXT NOT NULL      -- JSON: [{"began", "ended"}]
);
CREATE INDEX waits_by_time ON waits (began);

CREATE TABLE profiles (
  caller  TEXT PRIMARY KEY,
  profile BLOB NOT NULL            -- msgpack
) WITHOUT ROWID;

CREATE TABLE numbers (             -- apart from everything else, erasable
  caller TEXT PRIMARY KEY,
  number TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE totals (              -- sums over the whole log, kept in the same transaction as what they sum up
  name  TEXT NOT NULL,
  a     TEXT NOT NULL,
  b     TEXT NOT NULL,
  c     TEXT NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (name, a, b, c)
) WITHOUT ROWID;
