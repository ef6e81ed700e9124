BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
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
INSERT INTO "budget" VALUES('a2ca9bf45bec1ce891e77752e0d5f65b','nvcr.io','e2461064bf6c3609744662ceac3914a5a44dd8fb671409d5c661b85a02463923','control','2026-11-23 02:00:00.000000',1);
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
INSERT INTO "credentials" VALUES('ann','ngc','nvcr.io','acme','nvcr.io/acme','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiMTQ2MTk3MjNiYmVmMTk2NSIsIml2Ijoidlh1QnJEdXRrVG03Ni1ocyIsInRhZyI6Ik5yaFNNWC1FYmJCSjQ0bnBHYTBxSWcifQ.io8k3qkErb7jeOw-GZGpbG0apx_CXtrJBXWMS4SXd_k.mrluUL6dEQxLXYYW.uppnctd3DXfKfmg.BTa8Lob9ZMCgImmmfNp5lw','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiMTQ2MTk3MjNiYmVmMTk2NSIsIml2IjoiSjJHQ3FfQXNjenlfWUJsUiIsInRhZyI6Ik9FTmc4RVpPd0pKbFZjUHhCOGt0cGcifQ.2DCc66VFHPebBd4ZVXpG8wxZ8O3tQbtcHTgY1gW6_14.ex6RT4A8cldsRAgp.B9QhCvHcvcSkbI0mkrWerwWw.XR2EgO02GMIAR1Vh55QoxA','nvcr.io/acme/app:1');
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
INSERT INTO "facts" VALUES('nvcr.io','193cc94d9c21c6d14f94775ce39901ac61be69434e812e0d586d76fbf86b1398','2026-11-23 02:00:00.000000','2026-11-23 02:00:00.000000',NULL,NULL,NULL,NULL,0,1,NULL,NULL);
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
INSERT INTO "history" VALUES('abababababababababababababababab','ann','ngc','nvcr.io','acme','193cc94d9c21c6d14f94775ce39901ac61be69434e812e0d586d76fbf86b1398','04791cc7e26e7126f2bf2aad2ca055bf878053333d390d4d5b51c73d21c5262e','kept','2026-11-23 02:00:00.000000','died','alive','dead','invalid','refused',NULL,'[]','2026-11-23 01:00:00.000000',NULL,'c1835ba69a359baef85ce40d35c6b373','2026-11-23 02:00:00.000000');
CREATE TABLE known_repositories (
	fingerprint TEXT NOT NULL, 
	repository TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_known_repositories PRIMARY KEY (fingerprint, repository)
);
INSERT INTO "known_repositories" VALUES('193cc94d9c21c6d14f94775ce39901ac61be69434e812e0d586d76fbf86b1398','acme/app','2026-11-23 02:00:00.000000');
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
INSERT INTO "notices" VALUES('c1835ba69a359baef85ce40d35c6b373','mailto','kept','ann','user','queued','[{"event": "abababababababababababababababab", "name": "ngc", "host": "nvcr.io", "path": "acme", "fingerprint": "193cc94d9c21c6d14f94775ce39901ac61be69434e812e0d586d76fbf86b1398", "row": "04791cc7e26e7126f2bf2aad2ca055bf878053333d390d4d5b51c73d21c5262e", "happened": "died", "verdict": "invalid", "reason": "refused", "hints": [], "at": "2026-11-23T02:00:00+00:00", "since": "2026-11-23T01:00:00+00:00", "expires_at": null, "reminder": false}]','2026-11-23 02:00:00.000000',0,NULL,NULL,NULL,NULL,'');
CREATE TABLE platforms (
	digest TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	platforms JSON NOT NULL, 
	CONSTRAINT pk_platforms PRIMARY KEY (digest)
);
INSERT INTO "platforms" VALUES('sha256:aa','index','[{"os": "linux", "architecture": "amd64"}]');
CREATE TABLE sealed_keys (
	name TEXT NOT NULL, 
	sealed TEXT NOT NULL, 
	CONSTRAINT pk_sealed_keys PRIMARY KEY (name)
);
INSERT INTO "sealed_keys" VALUES('fingerprint','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiMTQ2MTk3MjNiYmVmMTk2NSIsIml2IjoiVUsxeWFpQnVmYklIai0wRCIsInRhZyI6Ikk1UWFWSWxUeUlhckhoMEZ4anhrdHcifQ.Vm0vLKd_JC4GKtGdYT1fKOg0DxphloXHS-iXgUM2ncE.3_K7uGBvuFg4Rq_B.wxLVtMFR5OatHeHZkMGAStupuaXADFX76PAwoo6BfxVMX5N51Z-88gZC0Qk.ksRdYN9zbMJ3mvwBx_TdSQ');
CREATE TABLE signs (
	id INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_signs PRIMARY KEY (id)
);
INSERT INTO "signs" VALUES(1,'nvcr.io','timeout','2026-11-23 01:55:00.000000');
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
	next_due_at DATETIME, 
	CONSTRAINT pk_statuses PRIMARY KEY (user, host, path, fingerprint, "row")
);
INSERT INTO "statuses" VALUES('ann','nvcr.io','acme','193cc94d9c21c6d14f94775ce39901ac61be69434e812e0d586d76fbf86b1398','04791cc7e26e7126f2bf2aad2ca055bf878053333d390d4d5b51c73d21c5262e','ngc','alive','valid','login_accepted','login','[]','2026-11-23 02:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0,'[]',NULL);
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
INSERT INTO "tokens" VALUES('2eb47d71ab05373d','kept','c92acce16a5a2e28d62fdaff161c4fd21ae2830a1e941121037b7d3bcc1de310','ann','["read"]','2026-11-23 02:00:00.000000');
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
COMMIT;
