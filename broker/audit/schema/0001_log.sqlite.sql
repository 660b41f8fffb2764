CREATE TABLE audit_entries (
  chain   INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  writer  TEXT    NOT NULL,
  at      INTEGER NOT NULL, -- microseconds since 1970
  prev    BLOB    NOT NULL,
  digest  BLOB    NOT NULL,
  hash    BLOB    NOT NULL,
  salt    BLOB,
  line    BLOB,
  event   TEXT,             -- what retention selects by; goes with the line
  erasure TEXT,
  PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX audit_openings ON audit_entries (chain, writer) WHERE seq = 1;

CREATE TABLE audit_checkpoints (
  chain     INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  writer    TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  hash      BLOB    NOT NULL,
  final     INTEGER NOT NULL,
  key_id    TEXT    NOT NULL,
  signature BLOB    NOT NULL,
  PRIMARY KEY (chain, seq, count)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX audit_checkpoint_counts ON audit_checkpoints (chain, count);

CREATE TABLE audit_links (
  chain  INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  opener INTEGER NOT NULL, -- the chain whose opening names the entry
  PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;
