"""Routes. A handler says what it takes and what it answers; the work is done elsewhere."""
