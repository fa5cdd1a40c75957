-- Version 6. What restarts workloads when their ConfigMaps and Secrets change.

ALTER TABLE object ADD COLUMN config_use INTEGER NOT NULL DEFAULT 0;
ALTER TABLE object ADD COLUMN content BLOB NOT NULL DEFAULT x''; -- empty: none

-- Also in a Secret, so that it outlives this database.
CREATE TABLE config_key (
	source TEXT PRIMARY KEY,
	key    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Of each workload that uses any, as it was applied last. Outlives the revision.
CREATE TABLE config_digest (
	source    TEXT NOT NULL,
	api_group TEXT NOT NULL,
	kind      TEXT NOT NULL,
	ns        TEXT NOT NULL,
	name      TEXT NOT NULL,
	shown     BLOB NOT NULL, -- on the pod template; zero: nothing is
	made_for  BLOB NOT NULL, -- of the content that its pods have; zero: not known
	PRIMARY KEY (source, api_group, kind, ns, name)
) STRICT, WITHOUT ROWID;
