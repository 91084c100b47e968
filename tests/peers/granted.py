"""
A board's site and a vault behind ``sealgate serve``, and people who proved what they need.

What somebody proved, and when, is written through the store with a moment of its own, so
that no test waits until a second factor or a grant has run out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.factors import begin_totp, confirm_totp
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import Session
from sealgate.identity.tokens import issue
from sealgate.identity.totp import STEP_SECONDS, code_at
from sealgate.policy.protection import AccessRung
from tests.peers.signed import SignedPlace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.identity.adapters.store import IdentityStore

VAULT = "vault.localhost"
# The guideline's classes, and one between: very high access over an ordinary channel.
MODEL = """
[[class]]
id = "public"
in_transit = "unencrypted"
access = "none"
at_rest = "none"
[[class]]
id = "restricted"
in_transit = "protected"
access = "low"
at_rest = "protected"
[[class]]
id = "confidential"
in_transit = "encrypted"
access = "high"
at_rest = "encrypted"
[[class]]
id = "board"
name = "Board only"
in_transit = "encrypted"
access = "very high"
at_rest = "encrypted"
[[class]]
id = "secret"
name = "Organization Secret"
in_transit = "highly encrypted"
access = "very high"
at_rest = "highly encrypted"
"""
# A path for each state of a grant: a grant is for one asset, so all of them stand at once.
STATES = ("running", "none", "waiting", "out", "ended", "denied")


def routes(prefix: str, classification: str) -> str:
    """Return a route per state of a grant, in TOML."""
    return "".join(
        f'[[site.route]]\npath = "{prefix}{state}"\nclass = "{classification}"\n'
        'admit = ["group:board"]\n'
        for state in STATES
    )


def vault(upstream: int) -> str:
    """Return the site of the vault, in TOML."""
    return (
        f'[[site]]\ndomains = ["{VAULT}"]\nupstream = "http://127.0.0.1:{upstream}"\n'
        '[[site.route]]\npath = "/"\nclass = "secret"\nadmit = ["group:board"]\n'
        f"{routes('/', 'secret')}"
    )


@dataclass
class GrantedPlace(SignedPlace):
    """A :class:`SignedPlace` whose vault has a host of its own."""

    @property
    def vault_url(self) -> str:
        """Return where the vault is."""
        return f"https://{VAULT}:{self.https}"

    def certificate(self, name: str) -> list[str]:
        """Return the curl options that show the client certificate in the files *name*."""
        return ["--cert", f"{self.folder / name}.crt", "--key", f"{self.folder / name}.key"]

    def grant(self, person: str, asset: str, state: str) -> None:
        """Bring a grant of *person* for *asset* into *state*."""
        if state == "none":
            return
        now = time.time()
        with self.people() as people:
            begun = now - 600 if state == "out" else now - 30
            minutes = 5 if state == "out" else 60
            made = people.grants.request(
                person, asset, reason="a reason", minutes=minutes, by="one", now=begun
            )
            if state == "denied":
                people.grants.deny(made.id, "clara", by="two", now=begun)
            elif state != "waiting":
                people.grants.approve(made.id, "clara", by="two", now=begun)
            if state == "ended":
                people.grants.end(made.id, by="three", now=now - 10)

    def totp(self, name: str) -> bytes:
        """Set up an authenticator app for *name*; return its secret."""
        now = time.time()
        app = begin_totp(self.inventory, name)
        # Of the step before this one, so that a test may use the code of now at once.
        code = code_at(app.secret, int(now // STEP_SECONDS) - 1)
        confirm_totp(self.inventory, app, code, by="test", now=now)
        return app.secret

    def session(
        self, people: IdentityStore, name: str, site: str, proven: Sequence[tuple[Factor, float]]
    ) -> str:
        """
        Return a session of *name* that *proved* these factors so many seconds ago.

        The token has ended, so that the service looks at what the sign-in is worth now.
        """
        now = time.time()
        proofs = [Proven(factor, now - ago, "k") for factor, ago in proven]
        begun = people.sign_ins.start(name, site, proofs, now=now - 400)
        people.sign_ins.use(begun.id, now=now)
        # Whole, as the service makes them: half a millisecond could round into the next second.
        made = int(now) - 60
        ended = Session(
            name, AccessRung.LOW, begun.proven, "DE", made, int(now) - 5, begun.id, site
        )
        return issue(ended, self.signing_key())
