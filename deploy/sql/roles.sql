-- What validator may do in OSMO's database: read three of its tables, its settings and pools, and have a schema of its own. Run it once as the database's owner:
--
--     psql --dbname osmo --file deploy/sql/roles.sql
--
-- The role `validator` is the program's: give it a way to log in (ALTER ROLE validator LOGIN PASSWORD '...'), and name it in the
-- program's `store`. The role `validator_reader` is for OSMO's own pages, a Grafana, a person: it sees the view
-- validator.credential_status and nothing else; grant it to whoever reads. Running the file again changes nothing.

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'validator') THEN
        CREATE ROLE validator NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT CONNECTION LIMIT 100;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'validator_reader') THEN
        CREATE ROLE validator_reader NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO validator, validator_reader', current_database());
    EXECUTE format('GRANT validator TO %I', current_user); -- CREATE SCHEMA ... AUTHORIZATION asks for it
END $$;

-- Its own schema: every table, the view, the workers' queue and the program's migrations are there.
CREATE SCHEMA IF NOT EXISTS validator AUTHORIZATION validator;
GRANT USAGE ON SCHEMA validator TO validator_reader;

-- OSMO's tables: to read, and no others. It never writes to them.
GRANT USAGE ON SCHEMA public TO validator;
GRANT SELECT ON public.credential, public.ueks, public.profile TO validator;

-- Where OSMO keeps its settings in the database (not in a ConfigMap), `disable_registry_validation` and the credential of OSMO's own images
-- (`backend_images`) are read here. Leave it out if you do not want that, or rows are left of before OSMO's settings were in a ConfigMap: the
-- scopes then belong into the program's own setting osmo.disabled.
DO $$
BEGIN
    IF to_regclass('public.configs') IS NOT NULL THEN
        GRANT SELECT (key, value, type) ON public.configs TO validator;
    END IF;
END $$;

-- What the nodes of OSMO's pools are, so that a pre-flight can tell whether an image is for them. Leave it out if you do not want that: the
-- names then belong into the program's own setting preflight.platforms.
DO $$
BEGIN
    IF to_regclass('public.pools') IS NOT NULL THEN
        GRANT SELECT (name, default_platform, platforms) ON public.pools TO validator;
    END IF;
EXCEPTION WHEN undefined_column THEN NULL; -- another version of OSMO's
END $$;

-- The view is the program's, made when it first runs; then it lets validator_reader see it. Where it ran before this file did:
DO $$
BEGIN
    IF to_regclass('validator.credential_status') IS NOT NULL THEN
        GRANT SELECT ON validator.credential_status TO validator_reader;
        GRANT EXECUTE ON FUNCTION validator.credential_rows() TO validator_reader;
    END IF;
END $$;
