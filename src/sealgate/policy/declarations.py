"""What an asset was declared to be, beyond its class."""

from enum import StrEnum


class Declaration(StrEnum):
    """What an asset was declared to be, beyond its class, where a rule has to know."""

    BACKEND = "backend"  # `backend = true`
    SITE_ASKS = "the site asks"  # `access = "site"`
    PAYMENT = "payment"  # `payment = true`
    PLAIN_HTTP = "plain HTTP"  # `plain_http = true`
    # PROTOCOLS, below.
    SSH = "SSH"
    FTP = "FTP"


PROTOCOLS = frozenset([Declaration.SSH, Declaration.FTP])
"""What a file server, a drop or a tunnel is reached over."""
