"""Hashes passwords with argon2id (RFC 9106), and checks them in the same time for everybody."""

from __future__ import annotations

import base64
import math
import secrets
import time
from threading import BoundedSemaphore

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

# RFC 9106, 4, second recommended option: t=3, p=4, m=64 MiB, 128-bit salt, 256-bit tag.
LEAST_ROUNDS = 3
LANES = 4
MEMORY_KIB = 65536
SALT_BYTES = 16
TAG_BYTES = 32
# A faster machine takes more rounds, so that a guess costs about this long at least.
TARGET_SECONDS = 0.05
MOST_ROUNDS = 12
# So many hashes at a time, of 64 MiB each: a crowd at the door waits, and memory stays flat.
MOST_AT_ONCE = 4

_turns = BoundedSemaphore(MOST_AT_ONCE)


def calibrated_rounds() -> int:
    """Return how many rounds this machine takes: at least those of the RFC."""
    begun = time.perf_counter()
    hash_password("the time of one hash", LEAST_ROUNDS)
    per_round = (time.perf_counter() - begun) / LEAST_ROUNDS
    wanted = math.ceil(TARGET_SECONDS / per_round) if per_round > 0 else MOST_ROUNDS
    return min(MOST_ROUNDS, max(LEAST_ROUNDS, wanted))


def hash_password(password: str, rounds: int) -> str:
    """Return the hash of *password* as a PHC string, with a salt of its own."""
    with _turns:
        return _hasher(rounds).hash(password)


def check_hash(phc: str | None, password: str, rounds: int) -> bool:
    """
    Return whether *phc* is the hash of *password*; *rounds* are those in force.

    Without a hash, and with one of fewer rounds, as much is computed as for one of
    *rounds*, so that the time tells nobody who is known here.
    """
    held = _rounds_of(phc)
    with _turns:
        right = held > 0 and phc is not None and _is_right(phc, password, held)
        if held < rounds:
            _is_right(_nobodys(rounds - held), password, rounds - held)
    return right


def needs_rehash(phc: str, rounds: int) -> bool:
    """Return whether *phc* cost less than what is in force."""
    try:
        had = extract_parameters(phc)
    except InvalidHashError:
        return True
    return had.time_cost < rounds or had.memory_cost < MEMORY_KIB


def _is_right(phc: str, password: str, rounds: int) -> bool:
    try:
        return _hasher(rounds).verify(phc, password)
    except (Argon2Error, InvalidHashError):
        # Not the password, or a row that somebody damaged: neither lets anybody in.
        return False


def _rounds_of(phc: str | None) -> int:
    if phc is None:
        return 0
    try:
        return extract_parameters(phc).time_cost
    except InvalidHashError:
        return 0


def _nobodys(rounds: int) -> str:
    # The form of a hash with a tag at random: no password has it.
    salt, tag = (
        base64.b64encode(secrets.token_bytes(size)).decode("ascii").rstrip("=")
        for size in (SALT_BYTES, TAG_BYTES)
    )
    return f"$argon2id$v=19$m={MEMORY_KIB},t={rounds},p={LANES}${salt}${tag}"


def _hasher(rounds: int) -> PasswordHasher:
    return PasswordHasher(
        time_cost=rounds,
        memory_cost=MEMORY_KIB,
        parallelism=LANES,
        hash_len=TAG_BYTES,
        salt_len=SALT_BYTES,
    )
