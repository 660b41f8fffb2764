-- What a dev server has to have again when it is started on the same database: its secret and its keys. A real server
-- gets them from files and never has this table.
CREATE TABLE dev_kept (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
