-- Times are microseconds since 1970. Grants, sessions and tokens appear by the SHA-256 of their id only.
CREATE TABLE ledger_grants (
  id         BLOB    NOT NULL PRIMARY KEY,
  person     TEXT    NOT NULL,
  session    BLOB,             -- none for a grant without a session
  epoch      INTEGER NOT NULL,
  offline    INTEGER NOT NULL,
  expires    INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  rotated    INTEGER NOT NULL,
  used       INTEGER NOT NULL,
  revoked    INTEGER NOT NULL,
  sealed     BLOB    NOT NULL  -- the whole grant as it was written
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_grants_person ON ledger_grants (person);
CREATE INDEX ledger_grants_session ON ledger_grants (session) WHERE session IS NOT NULL;
CREATE INDEX ledger_grants_expires ON ledger_grants (expires);

CREATE TABLE ledger_subjects (
  sector  TEXT NOT NULL,
  person  TEXT NOT NULL,
  subject TEXT NOT NULL UNIQUE,
  PRIMARY KEY (sector, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_epochs (
  person TEXT    NOT NULL PRIMARY KEY,
  epoch  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_ended_sessions (
  session BLOB    NOT NULL PRIMARY KEY,
  until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_ended_sessions_until ON ledger_ended_sessions (until);

CREATE TABLE ledger_revoked_tokens (
  token BLOB    NOT NULL PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_revoked_tokens_until ON ledger_revoked_tokens (until);

CREATE TABLE ledger_consents (
  person TEXT    NOT NULL,
  party  TEXT    NOT NULL,
  claims TEXT    NOT NULL, -- a JSON array of names
  given  INTEGER NOT NULL,
  PRIMARY KEY (person, party)
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_parties (
  protocol TEXT    NOT NULL,
  id       TEXT    NOT NULL,
  changed  INTEGER NOT NULL,
  sealed   BLOB    NOT NULL,
  PRIMARY KEY (protocol, id)
) STRICT;
