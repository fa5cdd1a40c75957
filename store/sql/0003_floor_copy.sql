-- Version 3. A floor may come from another copy than this database, or be given up by a person.
CREATE TABLE floor_next (
	source     TEXT PRIMARY KEY,
	payload    BLOB NOT NULL, -- zero: given up; the next accept sets it
	commit_oid BLOB NOT NULL,
	revision   INTEGER REFERENCES revision (id), -- NULL: it is not in this database
	accepted_s INTEGER NOT NULL,
	sequence   INTEGER NOT NULL,
	counter    INTEGER NOT NULL,
	given_up   INTEGER NOT NULL DEFAULT 0 -- and the cluster's copy does not know that yet
) STRICT, WITHOUT ROWID;
INSERT INTO floor_next (source, payload, commit_oid, revision, accepted_s, sequence, counter)
	SELECT source, payload, commit_oid, revision, accepted_s, sequence, counter FROM floor;
DROP TABLE floor;
ALTER TABLE floor_next RENAME TO floor;
