-- Version 4. What the wall clock cannot be asked for after a restart, and what was judged.

-- Written at an accept, at a tidy stop, and once an hour.
CREATE TABLE clock (
	source   TEXT PRIMARY KEY,
	floor_s  INTEGER NOT NULL, -- as much time has passed for certain; the highest row holds
	quiet_s  INTEGER NOT NULL, -- uptime without an accepted revision, over all boots
	uptime_s INTEGER NOT NULL  -- of the boot that wrote this, at that time
) STRICT, WITHOUT ROWID;

-- Judgements by their verdict, since the store was made.
CREATE TABLE verdict (
	source TEXT NOT NULL,
	name   TEXT NOT NULL,
	count  INTEGER NOT NULL,
	PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID;
