"""The tables of identities and of what belongs to them, each row sealed."""

from __future__ import annotations

import sqlalchemy as sa

from sealgate.identity.adapters.sealed_rows import MARKS, SEAL, Belongings, People, marked

METADATA = sa.MetaData()
IDENTITIES = sa.Table(
    "identities",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("added_at", sa.Double),
    # The marks of the rows that count of this person, in JSON, and the last entry about them.
    sa.Column(MARKS, sa.Text),
    sa.Column("changed", sa.Integer),
    sa.Column(SEAL, sa.Text),
)
GROUPS = sa.Table(
    "identity_groups",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    *marked(),
)
CERTIFICATES = sa.Table(
    "client_certificates",
    METADATA,
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text),
    sa.Column("identity", sa.Text),
    sa.Column("not_before", sa.Double),
    sa.Column("not_after", sa.Double),
    sa.Column("revoked_at", sa.Double),
    *marked(),
)
SSH_KEYS = sa.Table(
    "ssh_keys",
    METADATA,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("algorithm", sa.Text),
    sa.Column("public", sa.Text),
    sa.Column("comment", sa.Text),
    sa.Column("identity", sa.Text),
    sa.Column("added_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
    *marked(),
)
PASSWORDS = sa.Table(
    "passwords",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("phc", sa.Text),
    sa.Column("set_at", sa.Double),
    *marked(),
)
STATE = sa.Table(
    "identity_state",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("generation", sa.BigInteger),
    sa.Column("password_rounds", sa.Integer),
    # The last entry of the trail, and which key seals.
    sa.Column("trail_id", sa.Integer),
    sa.Column("trail_digest", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Column(SEAL, sa.Text),
)
ROLES = sa.Table(
    "identity_roles",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    *marked(),
)
LINKS = sa.Table(
    "provider_links",
    METADATA,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text),
    sa.Column("linked_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    *marked(),
)
TRAIL = sa.Table(
    "identity_trail",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Double),
    sa.Column("by", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("digest", sa.Text),
)
ONE_TIME_CODES = sa.Table(
    "one_time_codes",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("last_step", sa.BigInteger),
    sa.Column("set_at", sa.Double),
    *marked(),
)
RECOVERY_CODES = sa.Table(
    "recovery_codes",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("used_at", sa.Double),
    *marked(),
)
USER_HANDLES = sa.Table(
    "user_handles",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("handle", sa.Text),
    *marked(),
)
PASSKEYS = sa.Table(
    "passkeys",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text),
    sa.Column("public", sa.LargeBinary),
    sa.Column("site", sa.Text),
    sa.Column("label", sa.Text),
    sa.Column("synced", sa.Boolean),
    sa.Column("sign_count", sa.BigInteger),
    sa.Column("added_at", sa.Double),
    sa.Column("used_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
    *marked(),
)
ENROLMENTS = sa.Table(
    "enrolments",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text),
    sa.Column("ends_at", sa.Double),
    *marked(),
)
GRANTS = sa.Table(
    "grants",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person", sa.Text),
    sa.Column("asset", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("minutes", sa.Integer),
    sa.Column("asked_by", sa.Text),
    sa.Column("asked_at", sa.Double),
    sa.Column("approver", sa.Text),
    sa.Column("decided_by_actor", sa.Text),
    sa.Column("approved_at", sa.Double),
    sa.Column("denied_at", sa.Double),
    sa.Column("ended_by", sa.Text),
    sa.Column("ended_at", sa.Double),
    *marked(),
)
SIGN_INS = sa.Table(
    "sign_ins",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("site", sa.Text),
    sa.Column("proven", sa.Text),
    sa.Column("started_at", sa.Double),
    sa.Column("used_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column(SEAL, sa.Text),
)
PEOPLE = People(IDENTITIES)
GROUPS_OF = Belongings(PEOPLE, GROUPS)
ROLES_OF = Belongings(PEOPLE, ROLES)
CERTIFICATES_OF = Belongings(PEOPLE, CERTIFICATES)
SSH_KEYS_OF = Belongings(PEOPLE, SSH_KEYS)
PASSWORDS_OF = Belongings(PEOPLE, PASSWORDS)
LINKS_OF = Belongings(PEOPLE, LINKS)
ONE_TIME_CODES_OF = Belongings(PEOPLE, ONE_TIME_CODES)
RECOVERY_CODES_OF = Belongings(PEOPLE, RECOVERY_CODES)
USER_HANDLES_OF = Belongings(PEOPLE, USER_HANDLES)
PASSKEYS_OF = Belongings(PEOPLE, PASSKEYS)
ENROLMENTS_OF = Belongings(PEOPLE, ENROLMENTS)
GRANTS_OF = Belongings(PEOPLE, GRANTS, "person")
# What is taken away with a person: such a row of somebody who is not there was put back.
ENDED_WITH_A_PERSON = (
    GROUPS_OF,
    PASSWORDS_OF,
    ROLES_OF,
    ONE_TIME_CODES_OF,
    RECOVERY_CODES_OF,
    USER_HANDLES_OF,
    ENROLMENTS_OF,
)
