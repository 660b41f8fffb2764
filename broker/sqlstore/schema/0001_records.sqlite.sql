-- Short-lived records of the broker. Times are milliseconds since 1970; version rises with every update of a record and
-- starts at random, so that no life of a key repeats another's.
CREATE TABLE store_records (
	key TEXT NOT NULL PRIMARY KEY,
	value BLOB NOT NULL,
	listed TEXT NOT NULL,
	expires INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
CREATE INDEX store_records_listed ON store_records (listed) WHERE listed <> '';
CREATE INDEX store_records_expires ON store_records (expires);
