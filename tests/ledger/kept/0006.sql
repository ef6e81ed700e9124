BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE alerts (
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	first_at DATETIME NOT NULL, 
	last_at DATETIME NOT NULL, 
	facts JSON NOT NULL, 
	notice TEXT, 
	CONSTRAINT pk_alerts PRIMARY KEY (kind, subject)
);
INSERT INTO "alerts" VALUES('lane_quarantined','nvcr.io','2026-11-23 02:00:00.000000','2026-11-23 02:00:00.000000','{"died": 30}',NULL);
CREATE TABLE anonymous_controls (
	host TEXT NOT NULL, 
	repository TEXT NOT NULL, 
	result TEXT NOT NULL, 
	status INTEGER, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_anonymous_controls PRIMARY KEY (host, repository)
);
INSERT INTO "anonymous_controls" VALUES('nvcr.io','acme/app','refused',401,'2026-11-23 02:00:00.000000');
CREATE TABLE budget (
	id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	name TEXT, 
	budget_class TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	refused BOOLEAN NOT NULL, 
	CONSTRAINT pk_budget PRIMARY KEY (id)
);
INSERT INTO "budget" VALUES('049b3597bbdb492ae9d210744fe3a4f3','nvcr.io','eabffa5973800502805e244d8971d0f557bd80e725d45f766c28fa3ec101f404','control','2026-11-23 02:00:00.000000',1);
CREATE TABLE challenges (
	host TEXT NOT NULL, 
	scheme TEXT NOT NULL, 
	realm TEXT NOT NULL, 
	service TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	first_seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_challenges PRIMARY KEY (host)
);
INSERT INTO "challenges" VALUES('nvcr.io','Bearer','https://nvcr.io/proxy_auth','','','ngc','2026-11-23 02:00:00.000000','2026-11-23 02:00:00.000000');
CREATE TABLE controls (
	host TEXT NOT NULL, 
	realm TEXT NOT NULL, 
	service TEXT NOT NULL, 
	scheme TEXT NOT NULL, 
	step TEXT NOT NULL, 
	repository TEXT NOT NULL, 
	result TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_controls PRIMARY KEY (host, realm, service, scheme, step, repository)
);
INSERT INTO "controls" VALUES('nvcr.io','https://nvcr.io/proxy_auth','','Bearer','login','','refused','','2026-11-23 02:00:00.000000');
CREATE TABLE credentials (
	user TEXT NOT NULL, 
	name TEXT NOT NULL, 
	host TEXT NOT NULL, 
	path TEXT NOT NULL, 
	written TEXT NOT NULL, 
	username TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	proof TEXT, 
	CONSTRAINT pk_credentials PRIMARY KEY (user, name), 
	CONSTRAINT uq_credentials_user_host_path UNIQUE (user, host, path)
);
INSERT INTO "credentials" VALUES('ann','ngc','nvcr.io','acme','nvcr.io/acme','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiZDQzZTZkNGMwNjUyZmMyYyIsIml2IjoiWnRLVWRmYldJZkhRSWFsUyIsInRhZyI6IkxyQ21vQlRSV254SkN1c0FueXA2cmcifQ.pb715fjCPZKcF-zrZd6479RH31BexfeRuM9DXrcuKhQ.iLpZBVIzHQ6Z_zRB.4v3oFcy7wtbVWnk.iASBbIXd7j586bkp3x2cKw','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiZDQzZTZkNGMwNjUyZmMyYyIsIml2IjoiRlhJdzRUNUZfMkVKZUxqbyIsInRhZyI6IjVmcktVMVdrRzIyQk5uQ0ZKeXFQWWcifQ.IHG85oLL0n648EkIWi9KewxIfgPCB-x5m7zcSq6LS7I.qmDAOm2qEl04zvP4.874iL-tmoVhY9MKWgrYu1Q-5.3yUw7EizvB00lUYbafwu9w','nvcr.io/acme/app:1');
CREATE TABLE facts (
	host TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	asked_at DATETIME, 
	accepted_at DATETIME, 
	refused_at DATETIME, 
	denied_at DATETIME, 
	introspected_at DATETIME, 
	expires_at DATETIME, 
	refusals_in_row INTEGER NOT NULL, 
	ever_valid BOOLEAN NOT NULL, 
	scopes JSON, 
	opinion JSON, 
	CONSTRAINT pk_facts PRIMARY KEY (host, fingerprint)
);
INSERT INTO "facts" VALUES('nvcr.io','4d8e35d9ad3cc173b2f07cf5dc0419c7fa07d259a11d45a06c99c9e6bcea72c6','2026-11-23 02:00:00.000000','2026-11-23 02:00:00.000000',NULL,NULL,NULL,NULL,0,1,NULL,NULL);
CREATE TABLE history (
	id TEXT NOT NULL, 
	user TEXT NOT NULL, 
	name TEXT NOT NULL, 
	host TEXT NOT NULL, 
	path TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	"row" TEXT NOT NULL, 
	sweep TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	transition TEXT NOT NULL, 
	state_before TEXT NOT NULL, 
	state_after TEXT NOT NULL, 
	verdict TEXT, 
	reason TEXT, 
	level TEXT, 
	hints JSON NOT NULL, 
	since DATETIME, 
	expires_at DATETIME, 
	notice TEXT, 
	told_at DATETIME, 
	CONSTRAINT pk_history PRIMARY KEY (id)
);
INSERT INTO "history" VALUES('abababababababababababababababab','ann','ngc','nvcr.io','acme','4d8e35d9ad3cc173b2f07cf5dc0419c7fa07d259a11d45a06c99c9e6bcea72c6','7933e43b33936ff611c1d30fd4dbc202ba5be47f6f9aae4f38e1a68a2b0a62da','kept','2026-11-23 02:00:00.000000','died','alive','dead','invalid','refused',NULL,'[]','2026-11-23 01:00:00.000000',NULL,'c1835ba69a359baef85ce40d35c6b373','2026-11-23 02:00:00.000000');
CREATE TABLE known_repositories (
	fingerprint TEXT NOT NULL, 
	repository TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_known_repositories PRIMARY KEY (fingerprint, repository)
);
INSERT INTO "known_repositories" VALUES('4d8e35d9ad3cc173b2f07cf5dc0419c7fa07d259a11d45a06c99c9e6bcea72c6','acme/app','2026-11-23 02:00:00.000000');
CREATE TABLE lanes (
	host TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	expires_at DATETIME NOT NULL, 
	quarantined_at DATETIME, 
	evidence JSON, 
	CONSTRAINT pk_lanes PRIMARY KEY (host)
);
INSERT INTO "lanes" VALUES('nvcr.io','nobody',1,'2026-11-23 02:00:30.000000',NULL,NULL);
CREATE TABLE notices (
	id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	sweep TEXT NOT NULL, 
	user TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	state TEXT NOT NULL, 
	lines JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at DATETIME, 
	claimed_by TEXT, 
	claimed_at DATETIME, 
	settled_at DATETIME, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_notices PRIMARY KEY (id, channel), 
	CONSTRAINT uq_notices_sweep_user_kind_channel UNIQUE (sweep, user, kind, channel)
);
INSERT INTO "notices" VALUES('c1835ba69a359baef85ce40d35c6b373','mailto','kept','ann','user','queued','[{"event": "abababababababababababababababab", "name": "ngc", "host": "nvcr.io", "path": "acme", "fingerprint": "4d8e35d9ad3cc173b2f07cf5dc0419c7fa07d259a11d45a06c99c9e6bcea72c6", "row": "7933e43b33936ff611c1d30fd4dbc202ba5be47f6f9aae4f38e1a68a2b0a62da", "happened": "died", "verdict": "invalid", "reason": "refused", "hints": [], "at": "2026-11-23T02:00:00+00:00", "since": "2026-11-23T01:00:00+00:00", "expires_at": null, "reminder": false}]','2026-11-23 02:00:00.000000',0,NULL,NULL,NULL,NULL,'');
CREATE TABLE platforms (
	digest TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	platforms JSON NOT NULL, 
	CONSTRAINT pk_platforms PRIMARY KEY (digest)
);
INSERT INTO "platforms" VALUES('sha256:aa','index','[{"os": "linux", "architecture": "amd64"}]');
CREATE TABLE queues (
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	CONSTRAINT pk_queues PRIMARY KEY (name)
);
INSERT INTO "queues" VALUES('kept','3.10.0');
CREATE TABLE schedules (
	name TEXT NOT NULL, 
	due_at DATETIME NOT NULL, 
	CONSTRAINT pk_schedules PRIMARY KEY (name)
);
INSERT INTO "schedules" VALUES('sweep','2026-11-23 02:00:00.000000');
CREATE TABLE sealed_keys (
	name TEXT NOT NULL, 
	sealed TEXT NOT NULL, 
	CONSTRAINT pk_sealed_keys PRIMARY KEY (name)
);
INSERT INTO "sealed_keys" VALUES('fingerprint','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiZDQzZTZkNGMwNjUyZmMyYyIsIml2IjoiVmdNQXlWT1ppdndXZ0tIdSIsInRhZyI6IkxLUTFhbzRSRU1RSzU1WU4tOEoxVUEifQ.eeXaRm5aiDmIHZ5hLyYcvYvrhlwLn3cEVsDSRlbdhJQ.SCxKVEAHMoOHjkRg.J-GRvrI44IFQ_5CrGKWoO9FmeTivTnyi9uKcrAvY0fXGwp3y-P_GMPpmYEU.5QtH3kBICXeVgIo0Cmnq6g');
CREATE TABLE signs (
	id INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_signs PRIMARY KEY (id)
);
INSERT INTO "signs" VALUES(1,'nvcr.io','timeout','2026-11-23 01:55:00.000000');
CREATE TABLE slots (
	place TEXT NOT NULL, 
	next_slot_at FLOAT NOT NULL, 
	held_until FLOAT NOT NULL, 
	paused_until FLOAT NOT NULL, 
	banned_until FLOAT NOT NULL, 
	factor FLOAT NOT NULL, 
	slowed_at FLOAT NOT NULL, 
	CONSTRAINT pk_slots PRIMARY KEY (place)
);
INSERT INTO "slots" VALUES('nvcr.io',0.0,0.0,1795399260.0,0.0,1.0,0.0);
CREATE TABLE statuses (
	user TEXT NOT NULL, 
	host TEXT NOT NULL, 
	path TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	"row" TEXT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	verdict TEXT, 
	reason TEXT, 
	level TEXT, 
	hints JSON NOT NULL, 
	checked_at DATETIME, 
	last_attempt_verdict TEXT, 
	last_attempt_reason TEXT, 
	last_attempt_at DATETIME, 
	expires_at DATETIME, 
	first_refused_at DATETIME, 
	refused_at DATETIME, 
	accepted_at DATETIME, 
	refusals_in_row INTEGER NOT NULL, 
	transition_at DATETIME, 
	ever_valid BOOLEAN NOT NULL, 
	told JSON NOT NULL, 
	next_due_at DATETIME, unknown_since DATETIME, evidence JSON, 
	CONSTRAINT pk_statuses PRIMARY KEY (user, host, path, fingerprint, "row")
);
INSERT INTO "statuses" VALUES('ann','nvcr.io','acme','4d8e35d9ad3cc173b2f07cf5dc0419c7fa07d259a11d45a06c99c9e6bcea72c6','7933e43b33936ff611c1d30fd4dbc202ba5be47f6f9aae4f38e1a68a2b0a62da','ngc','alive','valid','login_accepted','login','[]','2026-11-23 02:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0,'[]',NULL,NULL,NULL);
CREATE TABLE sub_lanes (
	sweep TEXT NOT NULL, 
	host TEXT NOT NULL, 
	part INTEGER NOT NULL, 
	parts INTEGER NOT NULL, 
	done INTEGER NOT NULL, 
	probes INTEGER NOT NULL, 
	requests INTEGER NOT NULL, 
	refused_logins INTEGER NOT NULL, 
	asked INTEGER NOT NULL, 
	fell INTEGER NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_sub_lanes PRIMARY KEY (sweep, host, part)
);
INSERT INTO "sub_lanes" VALUES('kept','nvcr.io',0,2,0,0,0,0,0,0,NULL);
INSERT INTO "sub_lanes" VALUES('kept','nvcr.io',1,2,0,0,0,0,0,0,NULL);
CREATE TABLE sweep_lanes (
	sweep TEXT NOT NULL, 
	host TEXT NOT NULL, 
	credentials INTEGER NOT NULL, 
	done INTEGER NOT NULL, 
	probes INTEGER NOT NULL, 
	requests INTEGER NOT NULL, 
	refused_logins INTEGER NOT NULL, 
	asked INTEGER NOT NULL, 
	fell INTEGER NOT NULL, 
	quarantined BOOLEAN NOT NULL, 
	waiting_until DATETIME, 
	finished_at DATETIME, failed_at DATETIME, 
	CONSTRAINT pk_sweep_lanes PRIMARY KEY (sweep, host)
);
INSERT INTO "sweep_lanes" VALUES('kept','nvcr.io',1,0,0,0,0,0,0,0,NULL,NULL,NULL);
CREATE TABLE sweep_rows (
	sweep TEXT NOT NULL, 
	user TEXT NOT NULL, 
	name TEXT NOT NULL, 
	host TEXT NOT NULL, 
	path TEXT NOT NULL, 
	"row" TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	place BIGINT NOT NULL, 
	phase TEXT NOT NULL, 
	due_at DATETIME, 
	verdict TEXT, 
	reason TEXT, 
	level TEXT, 
	state TEXT NOT NULL, 
	transition TEXT NOT NULL, 
	checked_at DATETIME, 
	left_over TEXT, 
	image TEXT, 
	anew BOOLEAN NOT NULL, 
	heard JSON, 
	CONSTRAINT pk_sweep_rows PRIMARY KEY (sweep, user, name)
);
INSERT INTO "sweep_rows" VALUES('kept','ann','ngc','nvcr.io','acme','7933e43b33936ff611c1d30fd4dbc202ba5be47f6f9aae4f38e1a68a2b0a62da','4d8e35d9ad3cc173b2f07cf5dc0419c7fa07d259a11d45a06c99c9e6bcea72c6',0,'waiting',NULL,NULL,NULL,NULL,'never_checked','none',NULL,NULL,NULL,0,NULL);
CREATE TABLE sweeps (
	id TEXT NOT NULL, 
	user TEXT, 
	host TEXT, 
	released BOOLEAN NOT NULL, 
	started_at DATETIME NOT NULL, 
	planned_at DATETIME, 
	stopped_at DATETIME, 
	finished_at DATETIME, 
	owner TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	expires_at DATETIME NOT NULL, 
	notices JSON, 
	CONSTRAINT pk_sweeps PRIMARY KEY (id)
);
INSERT INTO "sweeps" VALUES('kept',NULL,NULL,0,'2026-11-23 02:00:00.000000',NULL,NULL,NULL,'nobody',1,'2026-11-23 02:00:30.000000',NULL);
CREATE TABLE tokens (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	user TEXT NOT NULL, 
	scopes JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_name UNIQUE (name)
);
INSERT INTO "tokens" VALUES('015d7a8dece03388','kept','5e2480c6778c14300d5fcc0a0c3f7f94c3128aae5a02c14339677513b32bb894','ann','["read"]','2026-11-23 02:00:00.000000');
CREATE TABLE users (
	user TEXT NOT NULL, 
	address TEXT, 
	channel TEXT, 
	mute BOOLEAN NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (user)
);
INSERT INTO "users" VALUES('ann','ann@example.org',NULL,0);
CREATE INDEX ix_statuses_fingerprint ON statuses (fingerprint);
CREATE INDEX ix_facts_host_accepted_at ON facts (host, accepted_at);
CREATE INDEX ix_signs_host_at ON signs (host, at);
CREATE INDEX ix_budget_host_at ON budget (host, at);
CREATE INDEX ix_history_notice ON history (notice);
CREATE INDEX ix_history_user_name ON history (user, name);
CREATE INDEX ix_history_told_at ON history (told_at);
CREATE INDEX ix_notices_state_next_at ON notices (state, next_at);
CREATE INDEX ix_alerts_notice ON alerts (notice);
CREATE INDEX ix_sweeps_started_at ON sweeps (started_at);
CREATE INDEX ix_sweep_lanes_host_finished_at ON sweep_lanes (host, finished_at);
CREATE INDEX ix_sweep_rows_sweep_host_phase_due_at_place ON sweep_rows (sweep, host, phase, due_at, place);
COMMIT;
