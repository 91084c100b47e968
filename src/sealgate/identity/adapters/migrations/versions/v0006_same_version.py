"""
Whoever writes a database that several hosts share says for which revision, and it must be this one.

A gateway of an older version, which still ran while another host brought the database up to date,
would go on writing rows as they were before. PostgreSQL refuses them from here on. It
is no lock against who administers the server: the seals are.

A later revision that changes rows says that it is for the one before:
``set_config('sealgate.identities', down_revision, true)``.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = (
    "identities",
    "identity_groups",
    "identity_roles",
    "client_certificates",
    "ssh_keys",
    "passwords",
    "one_time_codes",
    "recovery_codes",
    "user_handles",
    "passkeys",
    "enrolments",
    "grants",
    "provider_links",
    "sign_ins",
    "identity_trail",
    "identity_state",
)
_FUNCTION = """
CREATE FUNCTION identity_same_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('sealgate.identities', true)
        IS DISTINCT FROM (SELECT version_num FROM identity_version)
    THEN
        RAISE EXCEPTION 'users and keys were brought up to date by another version of Sealgate'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'restart what still runs of an older one';
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Add a trigger to each table; a database in a file has one host, whose gateway is asked."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_FUNCTION)
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER same_version BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION identity_same_version()"
        )
