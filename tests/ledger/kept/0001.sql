BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
INSERT INTO "budget" VALUES('f72958ce87f5f6385429ca4202801fbd','nvcr.io','95786a2ceb55355f05f266facd28088bf03625b5f74f122551605e8999231e7e','control','2026-11-23 02:00:00.000000',1);
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
INSERT INTO "credentials" VALUES('ann','ngc','nvcr.io','acme','nvcr.io/acme','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiNzg0ZmIxMTU2YTViMGYwMSIsIml2IjoibGNHT2JaQ3RHZUh2d3BsOCIsInRhZyI6IjZQQUJhM0ZfZy1kLWducTF2MWpybmcifQ.4Dg6-Fh_7-ky-2Skjty5AXxJKtHbJWO22VhEWZpHP60.88nusP8gGzsLDoJ6.sLjOoSV537KmDcE.B1qqljHG8w99WFrXphMTjg','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiNzg0ZmIxMTU2YTViMGYwMSIsIml2IjoiVEctN0YxNFl5b1kyTmdSNSIsInRhZyI6Iml2UXNaMDdIMWNuTk5uSkZxbi16UWcifQ.4peThnITdu1UuhCaUsqWSWLj1IaX2m71344voLLFjEQ.huZJka5FPv0XU02t.Xf6PGRVqSrAKR14h8ndH3Ydk.yFYyHy7DWD9B41YmF-mOgQ','nvcr.io/acme/app:1');
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
INSERT INTO "facts" VALUES('nvcr.io','ca694cff8c903034622281f9ee196f412c592c630cbc05d45d810c02ba15a6b1','2026-11-23 02:00:00.000000','2026-11-23 02:00:00.000000',NULL,NULL,NULL,NULL,0,1,NULL,NULL);
CREATE TABLE known_repositories (
	fingerprint TEXT NOT NULL, 
	repository TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_known_repositories PRIMARY KEY (fingerprint, repository)
);
INSERT INTO "known_repositories" VALUES('ca694cff8c903034622281f9ee196f412c592c630cbc05d45d810c02ba15a6b1','acme/app','2026-11-23 02:00:00.000000');
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
INSERT INTO "sealed_keys" VALUES('fingerprint','eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiNzg0ZmIxMTU2YTViMGYwMSIsIml2IjoiWk5yc2xVQ05kQkExTG0yNyIsInRhZyI6IklJQ2FLbjhfOUY2cnh0VEZoM0JZaFEifQ.BuuqmW_wcHFLa0ogmpZEctK0pJoixSqnzU_sVqkUDCw.rfsWsWpMeSmxtCwo.HmQ6nTA8EA-TZtqxNYGACgbwsyr-oLszJpjbAoUpWDTaAeka79FHZP5ir94.8ryQ458t1jhSamZmiaIP8g');
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
INSERT INTO "statuses" VALUES('ann','nvcr.io','acme','ca694cff8c903034622281f9ee196f412c592c630cbc05d45d810c02ba15a6b1','bf0df720b2af351c3afdd03c6beba2217716bb5c90e6b543b156aa30c024e5a8','ngc','alive','valid','login_accepted','login','[]','2026-11-23 02:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,0,'[]',NULL);
CREATE INDEX ix_statuses_fingerprint ON statuses (fingerprint);
CREATE INDEX ix_facts_host_accepted_at ON facts (host, accepted_at);
CREATE INDEX ix_signs_host_at ON signs (host, at);
CREATE INDEX ix_budget_host_at ON budget (host, at);
COMMIT;
