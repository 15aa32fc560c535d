-- oldest: 1
-- How far the log of a shared store has come into this one, kept in the same transaction as what it brought.

CREATE TABLE IF NOT EXISTS moved (
  part INTEGER PRIMARY KEY,
  last TEXT NOT NULL               -- id in Redis' log
);
