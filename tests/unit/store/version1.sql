-- A database of version 1: the tables as they were, and a little in each. Never edited.
PRAGMA page_size = 4096;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO revision VALUES(1,'site',X'0100000000000000000000000000000000000000',X'feffffff00000000000000000000000000000000000000000000000000000000',X'0303030303030303030303030303030303030303','ann@example.org','SHA256:abc',1001,'change 1',2001,3001,3,2,650,'');
INSERT INTO revision VALUES(2,'site',X'0200000000000000000000000000000000000000',X'fdffffff00000000000000000000000000000000000000000000000000000000',X'0303030303030303030303030303030303030303','ann@example.org','SHA256:abc',1002,'change 2',2002,3002,3,2,650,'');
CREATE TABLE body (
	id      INTEGER PRIMARY KEY,
	source  TEXT NOT NULL,
	digest  BLOB NOT NULL,    -- SHA-256 of the JSON, checked at every read
	bytes   INTEGER NOT NULL, -- of the JSON
	packed  BLOB NOT NULL,    -- deflated
	UNIQUE (source, digest)
) STRICT;
INSERT INTO body VALUES(1,'site',X'02ec04066ac29e483c59b1f075bf1633230cbe4eede867a0a382a446aa4ec21b',325,X'5809ab56ca54b232d0512a4ecc2951b232d4512a484c51b252521805448780522d00e2562c42');
INSERT INTO body VALUES(2,'site',X'ad8ef97cc356546947f64b31c4a8db689da741b622cb0c0eb2d33151bcd0fd14',325,X'5809ab56ca54b232d4512a4ecc2901330a125394ac94144601d121a0540b00e3962c43');
INSERT INTO body VALUES(3,'site',X'260455366118b9b210df3791d1c539f68200e994c965b0e3044dc10c57b4407a',325,X'5809ab56ca54b232d0512a4ecc2951b232d2512a484c51b252521805448780522d00e38d2c43');
INSERT INTO body VALUES(4,'site',X'01dc23a140faeccf5502c5f848c7bfb1e5eb0d5d3256438bfa912d3ab5831cca',325,X'5809ab56ca54b232d4512a4ecc2951b232d0512a484c51b252521805448780522d00e25f2c42');
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
INSERT INTO object VALUES('site',1,'','ConfigMap','shop','object-0','v1',1,0,0,100,1,'apps/0.yaml',1);
INSERT INTO object VALUES('site',1,'apps','Deployment','shop','object-1','v1',1,1,0,99,2,'apps/1.yaml',2);
INSERT INTO object VALUES('site',2,'','ConfigMap','shop','object-0','v1',1,0,0,100,3,'apps/0.yaml',1);
INSERT INTO object VALUES('site',2,'apps','Deployment','shop','object-1','v1',1,1,0,99,4,'apps/1.yaml',2);
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
INSERT INTO inventory VALUES('site','','ConfigMap','shop','object-0','v1',1,0,0,100,'uid-0',X'02ec04066ac29e483c59b1f075bf1633230cbe4eede867a0a382a446aa4ec21b',2,2,X'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE intent (
	source    TEXT PRIMARY KEY,
	operation INTEGER NOT NULL,
	revision  INTEGER NOT NULL,
	started_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE floor (
	source     TEXT PRIMARY KEY,
	payload    BLOB NOT NULL,
	commit_oid BLOB NOT NULL,
	revision   INTEGER NOT NULL REFERENCES revision (id),
	accepted_s INTEGER NOT NULL,
	counter    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO floor VALUES('site',X'fdffffff00000000000000000000000000000000000000000000000000000000',X'0200000000000000000000000000000000000000',2,2002,2);
CREATE TABLE accepted_payload (
	source  TEXT NOT NULL,
	payload BLOB NOT NULL,
	counter INTEGER NOT NULL, -- of the floor, when it was accepted
	PRIMARY KEY (source, payload)
) STRICT, WITHOUT ROWID;
INSERT INTO accepted_payload VALUES('site',X'fdffffff00000000000000000000000000000000000000000000000000000000',2);
INSERT INTO accepted_payload VALUES('site',X'feffffff00000000000000000000000000000000000000000000000000000000',1);
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
INSERT INTO refusal VALUES('site',X'0000000000000000000000000000000000000000',X'0000000000000000000000000000000000000000000000000000000000000000','unsigned','','',50,1,1);
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
INSERT INTO source_state VALUES('site',2,2,NULL,1,0,0,0,0,0,0,'',X'0000000000000000000000000000000000000000');
CREATE TABLE kind (
	api_group  TEXT NOT NULL,
	kind       TEXT NOT NULL,
	version    TEXT NOT NULL,
	resource   TEXT NOT NULL,
	namespaced INTEGER NOT NULL,
	verbs      INTEGER NOT NULL,
	PRIMARY KEY (api_group, kind, version)
) STRICT, WITHOUT ROWID;
INSERT INTO kind VALUES('apps','Deployment','v1','deployments',1,7);
CREATE INDEX revision_source ON revision (source, id);
CREATE INDEX object_order
	ON object (revision, stage, wave, kind_order, api_group, kind, ns, name);
CREATE INDEX inventory_order
	ON inventory (source, stage, wave, kind_order, api_group, kind, ns, name);
COMMIT;
PRAGMA application_id = 0x6c6d7074;
PRAGMA user_version = 1;
