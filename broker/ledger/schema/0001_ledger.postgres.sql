-- Times are microseconds since 1970. Grants, sessions and tokens appear by the SHA-256 of their id only.
CREATE TABLE ledger_grants (
  id         BYTEA    NOT NULL PRIMARY KEY,
  person     TEXT    NOT NULL,
  session    BYTEA,             -- none for a grant without a session
  epoch      BIGINT NOT NULL,
  offline    BIGINT NOT NULL,
  expires    BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  rotated    BIGINT NOT NULL,
  used       BIGINT NOT NULL,
  revoked    BIGINT NOT NULL,
  sealed     BYTEA    NOT NULL  -- the whole grant as it was written
);
CREATE INDEX ledger_grants_person ON ledger_grants (person);
CREATE INDEX ledger_grants_session ON ledger_grants (session) WHERE session IS NOT NULL;
CREATE INDEX ledger_grants_expires ON ledger_grants (expires);

CREATE TABLE ledger_subjects (
  sector  TEXT NOT NULL,
  person  TEXT NOT NULL,
  subject TEXT NOT NULL UNIQUE,
  PRIMARY KEY (sector, person)
);

CREATE TABLE ledger_epochs (
  person TEXT    NOT NULL PRIMARY KEY,
  epoch  BIGINT NOT NULL
);

CREATE TABLE ledger_ended_sessions (
  session BYTEA    NOT NULL PRIMARY KEY,
  until   BIGINT NOT NULL
);
CREATE INDEX ledger_ended_sessions_until ON ledger_ended_sessions (until);

CREATE TABLE ledger_revoked_tokens (
  token BYTEA    NOT NULL PRIMARY KEY,
  until BIGINT NOT NULL
);
CREATE INDEX ledger_revoked_tokens_until ON ledger_revoked_tokens (until);

CREATE TABLE ledger_consents (
  person TEXT    NOT NULL,
  party  TEXT    NOT NULL,
  claims TEXT    NOT NULL, -- a JSON array of names
  given  BIGINT NOT NULL,
  PRIMARY KEY (person, party)
);

CREATE TABLE ledger_parties (
  protocol TEXT    NOT NULL,
  id       TEXT    NOT NULL,
  changed  BIGINT NOT NULL,
  sealed   BYTEA    NOT NULL,
  PRIMARY KEY (protocol, id)
);
