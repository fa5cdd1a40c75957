-- Version 5. What happened, for people: a ring of the newest rows. The id is the order, also of a
-- device whose clock is not right.
CREATE TABLE happening (
	id       INTEGER PRIMARY KEY,
	source   TEXT NOT NULL,
	at_s     INTEGER NOT NULL, -- when it happened first
	last_s   INTEGER NOT NULL, -- and last; repeats in between are counted
	count    INTEGER NOT NULL,
	kind     INTEGER NOT NULL,
	object   TEXT NOT NULL,    -- the key for people, or ''
	revision INTEGER NOT NULL, -- 0: none; it may be dropped before this row is
	by_whom  TEXT NOT NULL,
	message  TEXT NOT NULL
) STRICT;
