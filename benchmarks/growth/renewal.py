"""What one renewal of a session costs: a request with a token that has ended, through Envoy."""

from __future__ import annotations

import ssl
import time
from dataclasses import replace

import httpx

from benchmarks.access.entering import sign_in
from benchmarks.gateway.engines import free_port, start_site
from benchmarks.growth.serving import Taken, in_memory, kept, once, serving
from sealgate.gateway.model import SESSION_COOKIE
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.adapters.token_keys import TokenKeys
from sealgate.identity.sessions import SESSION_SECONDS
from sealgate.identity.tokens import current_key, issue, verify

_RENEWALS = 200
_PASSWORD = "correct horse battery staple"  # noqa: S105  # nobody's
_SITE = "localhost"
_AGO_SECONDS = 120


@once
def measured(_: int) -> Taken:
    """Return the seconds of the processor that one renewal takes, of each process."""
    with in_memory() as home, kept(start_site(home)) as site:
        port = free_port()
        (home / "sealgate.toml").write_text(
            # All of the load comes from one address: it is counted as usual, and never refused.
            "[limits]\nsession_requests_per_second = 10000000\nsign_in_per_minute = 100000000\n"
            f'[listen]\nhttps = "127.0.0.1:{port}"\nhttp = "127.0.0.1:{free_port()}"\n'
            f'[[site]]\ndomains = ["{_SITE}"]\nupstream = "http://127.0.0.1:{site.port}"\n'
            '[[site.route]]\npath = "/"\nclass = "restricted"\naccess = "low"\n'
        )
        state = home / ".sealgate"
        with IdentityStore(f"sqlite:///{state}/register.sqlite") as people:
            people.add("anna", (), by="benchmark", now=time.time())
            people.credentials.set_password("anna", _PASSWORD, by="benchmark", now=time.time())
        with serving(home) as running:
            trust = ssl.create_default_context(cafile=str(state / "authority" / "server-ca.pem"))
            with httpx.Client(verify=trust, base_url=f"https://{_SITE}:{port}") as client:
                sign_in(client, "/", _PASSWORD)
                stale = _ended(client.cookies[SESSION_COOKIE], str(state))
                _renew(client, stale, 5)  # the first opens connections
                before = running.at_rest()
                _renew(client, stale, _RENEWALS)
                taken = running.at_rest().since(before)
                if not taken.sign_in:
                    raise SystemExit("the process of the sign-in service was not found")
    return Taken(*(each / _RENEWALS for each in (taken.envoy, taken.sign_in, taken.all)))


def _ended(token: str, state: str) -> str:
    """Return a token of the same sign-in that was made, and has ended, a while ago."""
    now = time.time()
    keys = TokenKeys(state).keys(now)
    session = verify(token, keys, site=_SITE, now=now, grace=SESSION_SECONDS)
    made = session.issued_at - _AGO_SECONDS
    old = replace(session, issued_at=made, ends_at=session.ends_at - _AGO_SECONDS)
    return issue(old, current_key(keys, now))


def _renew(client: httpx.Client, stale: str, times: int) -> None:
    for _ in range(times):
        client.cookies.clear()
        answer = client.get("/", headers={"cookie": f"{SESSION_COOKIE}={stale}"})
        if answer.status_code != httpx.codes.OK or SESSION_COOKIE not in answer.cookies:
            raise SystemExit(f"a session was not renewed: {answer.status_code}")
