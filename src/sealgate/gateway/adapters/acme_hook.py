"""
Runs the operator's own program that sets and removes TXT records, for DNS-01.

Called as ``HOOK present NAME VALUE`` and ``HOOK cleanup NAME VALUE``, as other ACME clients
call theirs; it returns 0 once the authoritative servers answer so.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from sealgate.gateway.model import Proof

HOOK_SECONDS = 300.0
PRESENT, CLEANUP = "present", "cleanup"
# Providers' programs want these; nothing else of our environment is theirs.
_PASSED = ("PATH", "HOME", "LANG", "TZ")


def record_of(proof: Proof) -> tuple[str, str]:
    """Return name (with the last dot) and value of the TXT record (RFC 8555, 8.4)."""
    digest = hashlib.sha256(proof.answer.encode("ascii")).digest()
    value = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    return f"_acme-challenge.{proof.domain}.", value


def run_hook(hook: str, action: str, proof: Proof) -> None:
    """
    Have *hook* do *action*.

    Raises:
        GatewayError: it cannot be run, failed, or took too long; its output is not told.
    """
    name, value = record_of(proof)
    try:
        done = subprocess.run(  # noqa: S603  # the operator's own choice of program
            [hook, action, name, value],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=HOOK_SECONDS,
            env={key: os.environ[key] for key in _PASSED if key in os.environ},
        )
    except subprocess.TimeoutExpired as error:
        raise GatewayError(
            f'dns_hook "{hook}" did not end within {HOOK_SECONDS:g} seconds'
        ) from error
    except OSError as error:
        raise GatewayError(f'dns_hook "{hook}" cannot be run: {error.strerror}') from error
    if done.returncode:
        raise GatewayError(
            f'dns_hook "{hook}" ended with {done.returncode} for {action}, but 0 is required',
            hint=f"{hook} {action} {name} {value}",
        )
