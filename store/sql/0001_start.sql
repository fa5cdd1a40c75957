-- Version 1. A table of a source has its name in the column source; ids of revisions are
-- common to all sources. Times are Unix seconds of the wall clock. A number that names a
-- state is the enum of the header of the same name.

PRAGMA application_id = 0x6c6d7074; -- "lmpt"

CREATE TABLE revision (
	id          INTEGER PRIMARY KEY,
	source      TEXT NOT NULL,
	commit_oid  BLOB NOT NULL,
	payload     BLOB NOT NULL,
	tree_oid    BLOB NOT NULL,
	signer      TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	committed_s INTEGER NOT NULL,
	subject     TEXT NOT NULL,
	accepted_s  INTEGER NOT NULL,
	applied_s   INTEGER NOT NULL DEFAULT 0,
	state       INTEGER NOT NULL,
	objects     INTEGER NOT NULL,
	bytes       INTEGER NOT NULL,
	message     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX revision_source ON revision (source, id);

-- The bodies, by digest, so that an object that did not change is stored once.
CREATE TABLE body (
	id      INTEGER PRIMARY KEY,
	source  TEXT NOT NULL,
	digest  BLOB NOT NULL,    -- SHA-256 of the JSON, checked at every read
	bytes   INTEGER NOT NULL, -- of the JSON
	packed  BLOB NOT NULL,    -- deflated
	UNIQUE (source, digest)
) STRICT;

CREATE TABLE object (
	source     TEXT NOT NULL,
	revision   INTEGER NOT NULL REFERENCES revision (id) ON DELETE CASCADE,
	api_group  TEXT NOT NULL,
	kind       TEXT NOT NULL,
	ns         TEXT NOT NULL,
	name       TEXT NOT NULL,
	version    TEXT NOT NULL,
	scope      INTEGER NOT NULL,
	stage      INTEGER NOT NULL,
	wave       INTEGER NOT NULL,
	kind_order INTEGER NOT NULL,
	body       INTEGER NOT NULL, -- of body.id; no foreign key: it would need an index of its own
	file       TEXT NOT NULL,
	line       INTEGER NOT NULL,
	PRIMARY KEY (revision, api_group, kind, ns, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_order
	ON object (revision, stage, wave, kind_order, api_group, kind, ns, name);

CREATE TABLE inventory (
	source     TEXT NOT NULL,
	api_group  TEXT NOT NULL,
	kind       TEXT NOT NULL,
	ns         TEXT NOT NULL,
	name       TEXT NOT NULL,
	version    TEXT NOT NULL,
	scope      INTEGER NOT NULL,
	stage      INTEGER NOT NULL,
	wave       INTEGER NOT NULL,
	kind_order INTEGER NOT NULL,
	uid        TEXT NOT NULL,
	digest     BLOB NOT NULL,
	revision   INTEGER NOT NULL,
	state      INTEGER NOT NULL,
	live       BLOB NOT NULL, -- what the API server said of it last; the caller's bytes
	PRIMARY KEY (source, api_group, kind, ns, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX inventory_order
	ON inventory (source, stage, wave, kind_order, api_group, kind, ns, name);

CREATE TABLE intent (
	source    TEXT PRIMARY KEY,
	operation INTEGER NOT NULL,
	revision  INTEGER NOT NULL,
	started_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Written by the transaction that accepts a revision, and by nothing else.
CREATE TABLE floor (
	source     TEXT PRIMARY KEY,
	payload    BLOB NOT NULL,
	commit_oid BLOB NOT NULL,
	revision   INTEGER NOT NULL REFERENCES revision (id),
	accepted_s INTEGER NOT NULL,
	counter    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Outlives the revision: an old payload is a rollback, an unknown one is not.
CREATE TABLE accepted_payload (
	source  TEXT NOT NULL,
	payload BLOB NOT NULL,
	counter INTEGER NOT NULL, -- of the floor, when it was accepted
	PRIMARY KEY (source, payload)
) STRICT, WITHOUT ROWID;

CREATE TABLE refusal (
	source    TEXT NOT NULL,
	tip       BLOB NOT NULL,
	judged_by BLOB NOT NULL,
	verdict   TEXT NOT NULL,
	reason    TEXT NOT NULL,
	signer    TEXT NOT NULL,
	at_s      INTEGER NOT NULL,
	count     INTEGER NOT NULL,
	turn      INTEGER NOT NULL, -- grows; the clock may not
	PRIMARY KEY (source, tip)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_state (
	source      TEXT PRIMARY KEY,
	desired     INTEGER REFERENCES revision (id),
	applied     INTEGER REFERENCES revision (id),
	pinned      INTEGER REFERENCES revision (id),
	suspended   INTEGER NOT NULL DEFAULT 0,
	complete    INTEGER NOT NULL DEFAULT 0,
	failures    INTEGER NOT NULL DEFAULT 0,
	next_poll_s INTEGER NOT NULL DEFAULT 0,
	delay_ms    INTEGER NOT NULL DEFAULT 0,
	poll_ok_s   INTEGER NOT NULL DEFAULT 0,
	error_s     INTEGER NOT NULL DEFAULT 0,
	error       TEXT NOT NULL DEFAULT '',
	tip         BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000'
) STRICT, WITHOUT ROWID;

-- Of the cluster, not of a source.
CREATE TABLE kind (
	api_group  TEXT NOT NULL,
	kind       TEXT NOT NULL,
	version    TEXT NOT NULL,
	resource   TEXT NOT NULL,
	namespaced INTEGER NOT NULL,
	verbs      INTEGER NOT NULL,
	PRIMARY KEY (api_group, kind, version)
) STRICT, WITHOUT ROWID;
