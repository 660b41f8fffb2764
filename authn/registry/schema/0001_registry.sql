-- What identifies a person is in sealed columns; what is looked up by it is a keyed hash.
CREATE TABLE registry_persons (
	id TEXT PRIMARY KEY,
	state TEXT NOT NULL CHECK (state IN ('active', 'blocked', 'dead')),
	cpr BYTEA UNIQUE,
	sealed BYTEA NOT NULL
);

CREATE TABLE registry_user_ids (
	digest BYTEA PRIMARY KEY,
	person TEXT NOT NULL REFERENCES registry_persons (id),
	sealed BYTEA NOT NULL
);
CREATE INDEX registry_user_ids_person ON registry_user_ids (person);

CREATE TABLE registry_authenticators (
	id TEXT PRIMARY KEY,
	person TEXT NOT NULL REFERENCES registry_persons (id),
	kind TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('ordered', 'active', 'paused', 'blocked', 'replaced')),
	counter BIGINT NOT NULL CHECK (counter >= 0),
	created BIGINT NOT NULL,
	sealed BYTEA NOT NULL
);
CREATE INDEX registry_authenticators_person ON registry_authenticators (person);

-- No foreign key: attempts are counted for authenticators that do not exist as well, so that nobody can tell.
-- Times are microseconds since 1970, kept is 1 where the record may not be forgotten.
CREATE TABLE registry_attempts (
	authenticator TEXT NOT NULL,
	lane BYTEA NOT NULL,
	failures INTEGER NOT NULL,
	today INTEGER NOT NULL,
	day TEXT NOT NULL,
	paused_until BIGINT NOT NULL,
	blocked INTEGER NOT NULL,
	kept INTEGER NOT NULL,
	touched BIGINT NOT NULL,
	PRIMARY KEY (authenticator, lane)
);
CREATE INDEX registry_attempts_touched ON registry_attempts (kept, touched);
