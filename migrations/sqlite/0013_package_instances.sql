-- Several servers may share a database and each has packages in a data directory of its own: instance names that directory. Rows
-- from before have none, until the server that has their files takes them.
-- reserved is what an export that is being made will take up, in octets; it counts against the share of its node until the
-- package is there.
ALTER TABLE xdm_package ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE xdm_package ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;
