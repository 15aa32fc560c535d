-- oldest: 1
-- Call-backs that callers have asked for, each a row for good. The number stands apart, in `numbers`, by the pseudonym.

CREATE TABLE callbacks (
  id       TEXT PRIMARY KEY,
  queue    TEXT NOT NULL,
  caller   TEXT,                   -- pseudonym; NULL: forgotten
  state    TEXT NOT NULL,          -- owed, calling, reached, given_up, withdrawn
  began    REAL NOT NULL,          -- of the wait whose place it keeps
  asked    REAL NOT NULL,
  ended    REAL,                   -- NULL: owed, or being called
  callback BLOB NOT NULL           -- msgpack: all of it
) WITHOUT ROWID;
CREATE INDEX callbacks_open ON callbacks (began) WHERE ended IS NULL;
CREATE INDEX callbacks_of_caller ON callbacks (caller) WHERE caller IS NOT NULL;
CREATE INDEX callbacks_by_time ON callbacks (asked);
