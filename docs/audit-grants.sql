-- What the account of a running server may do, in psql as the owner of the tables:
--   psql -v server=knoop_server -f audit-grants.sql knoop
-- The owner runs knoop migrate and knoop audit prune; serve then needs --no-migrate.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :server;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :server;
GRANT EXECUTE ON FUNCTION audit_make_month(bigint) TO :server;
REVOKE UPDATE, DELETE ON audit, audit_other, audit_value, audit_seal, audit_pruned FROM :server;
