-- oldest: 1
-- The wait that a caller was told, and when the agent came against it.

ALTER TABLE waits ADD COLUMN waits_told TEXT;  -- JSON: the first and the last telling; NULL: none
ALTER TABLE waits ADD COLUMN came TEXT;        -- earlier, within or later than the first said; NULL: nobody knows, or nothing was told
