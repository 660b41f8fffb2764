-- Short-lived records of the broker. Times are milliseconds since 1970; version rises with every update of a record and
-- starts at random, so that no life of a key repeats another's.
CREATE TABLE store_records (
	key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	value BYTEA NOT NULL,
	listed TEXT COLLATE "C" NOT NULL,
	expires BIGINT NOT NULL,
	version BIGINT NOT NULL
);
CREATE INDEX store_records_listed ON store_records (listed) WHERE listed <> '';
CREATE INDEX store_records_expires ON store_records (expires);
