CREATE TABLE audit_entries (
  chain   BIGINT NOT NULL,
  seq     BIGINT NOT NULL,
  writer  TEXT   NOT NULL,
  at      BIGINT NOT NULL, -- microseconds since 1970
  prev    BYTEA  NOT NULL,
  digest  BYTEA  NOT NULL,
  hash    BYTEA  NOT NULL,
  salt    BYTEA,
  line    BYTEA,
  event   TEXT,            -- what retention selects by; goes with the line
  erasure TEXT,
  PRIMARY KEY (chain, seq)
);

CREATE UNIQUE INDEX audit_openings ON audit_entries (chain, writer) WHERE seq = 1;

CREATE TABLE audit_checkpoints (
  chain     BIGINT NOT NULL,
  seq       BIGINT NOT NULL,
  count     BIGINT NOT NULL,
  writer    TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  hash      BYTEA  NOT NULL,
  final     BIGINT NOT NULL,
  key_id    TEXT   NOT NULL,
  signature BYTEA  NOT NULL,
  PRIMARY KEY (chain, seq, count)
);

CREATE UNIQUE INDEX audit_checkpoint_counts ON audit_checkpoints (chain, count);

CREATE TABLE audit_links (
  chain  BIGINT NOT NULL,
  seq    BIGINT NOT NULL,
  opener BIGINT NOT NULL, -- the chain whose opening names the entry
  PRIMARY KEY (chain, seq)
);
