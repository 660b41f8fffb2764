package sqldb

// Waiting is the number of units that wait for the writer.
func (db *DB) Waiting() int {
	db.writer.mu.Lock()
	defer db.writer.mu.Unlock()
	return len(db.writer.queue)
}

// Rebind is rebind.
func Rebind(query string) string { return rebind(query) }
