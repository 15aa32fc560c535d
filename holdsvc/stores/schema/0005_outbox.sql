-- oldest: 1
-- What is to happen outside: each a row until it has, or until a person has seen to it.

CREATE TABLE outbox (
  key         TEXT PRIMARY KEY,
  destination TEXT NOT NULL,
  line        TEXT NOT NULL,       -- those of one go in their turn
  turn        INTEGER NOT NULL,
  due         REAL NOT NULL,       -- not handed out before
  dead        INTEGER NOT NULL,    -- 1: it failed too often
  letter      BLOB NOT NULL        -- msgpack: all of it but when it is due
) WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (destination, due) WHERE dead = 0;
CREATE INDEX outbox_lines ON outbox (line, turn) WHERE dead = 0;
CREATE INDEX outbox_dead ON outbox (dead);
