"""The view `validator.credential_status`: what OSMO's own pages and a Grafana join on, made beside our tables by who owns them.

It reads OSMO's table through a function whose body is a text, so that nothing of OSMO's depends on us: a view of its columns would
stop OSMO's migrations from changing them. The function reads no value of a payload but its hash (osmo.md section 5).
"""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import Connection, text

READER: Final = "validator_reader"
"""The role that sees the view, where deploy/sql/roles.sql made it."""
_ROWS: Final = r"""
CREATE OR REPLACE FUNCTION validator.credential_rows()
RETURNS TABLE (user_name text, cred_name text, profile text, row_hash text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    RETURN QUERY SELECT c.user_name::text, c.cred_name::text, c.profile::text,
        encode(sha256(convert_to(coalesce(c.payload OPERATOR({hstore}.->) 'username', '') || chr(10)
                                 || coalesce(c.payload OPERATOR({hstore}.->) 'auth', ''), 'UTF8')), 'hex')
    FROM public.credential c WHERE c.cred_type::text = 'REGISTRY';
END $body$"""
_VIEW: Final = """
CREATE OR REPLACE VIEW validator.credential_status AS
SELECT c.user_name, c.cred_name, c.profile, coalesce(s.state, 'never_checked') AS state, s.verdict, s.reason,
       s.verdict IS NOT NULL AS confirmed, s.checked_at, s.last_attempt_at, s.expires_at
FROM validator.credential_rows() c LEFT JOIN LATERAL (
    SELECT * FROM validator.statuses s WHERE s."user" = c.user_name AND s.name = c.cred_name AND s."row" = c.row_hash
    ORDER BY s.last_attempt_at DESC NULLS LAST LIMIT 1
) s ON true"""
_COMMENT: Final = "One row for each registry credential of OSMO: what was last confirmed of it. Made by validator, definition {mark}."
_SAID: Final = "SELECT obj_description(to_regclass('validator.credential_status'), 'pg_class')"


def make_view(connection: Connection, hstore: str) -> None:
    """Make it, or make it anew where this program's is another one; the schema's owner alone can. Nothing is done where it stands."""
    statements = (_ROWS.format(hstore=hstore), "REVOKE ALL ON FUNCTION validator.credential_rows() FROM PUBLIC", _VIEW)
    comment = _COMMENT.format(mark=hashlib.sha256("".join(statements).encode()).hexdigest()[:12])
    if connection.scalar(text(_SAID)) == comment:
        return
    connection.exec_driver_sql("DROP VIEW IF EXISTS validator.credential_status")
    for statement in statements:
        connection.exec_driver_sql(statement)
    if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": READER}):
        connection.exec_driver_sql(f"GRANT SELECT ON validator.credential_status TO {READER}")
        connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION validator.credential_rows() TO {READER}")
    connection.exec_driver_sql(f"COMMENT ON VIEW validator.credential_status IS '{comment}'")
