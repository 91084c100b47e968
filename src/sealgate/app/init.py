"""
Starts an installation: a commented ``sealgate.toml``, and the local authorities beside it.

Nothing that is there already is changed. What init has begun and could not finish it
takes away again, so that it can be run once more.
"""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.keyring import new_recovery_key
from sealgate.app.keys import local_authority
from sealgate.config import CONFIG_NAME
from sealgate.config.parse import parse
from sealgate.config.presets import PRESETS, front_of, settings_for
from sealgate.config.reader import nearest, quoted, quoted_path
from sealgate.config.template import DEFAULT_DOMAIN, render_template
from sealgate.config.values import UnfitError, read_domain
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.app.keyring import RecoveryKey
    from sealgate.config.presets import Preset, Snippet
    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a person does next, the *commands* to type for it, and what comes *after* them."""

    text: str
    commands: tuple[str, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """
    What init made: the configuration, both authorities, and what a person does next.

    *settings* belong into the CMS; *limits* is what its preset's locks mean besides.
    *recovery* is kept nowhere: whoever shows it shows it this once.
    """

    config: str
    server_authority: str
    client_authority: str
    recovery: RecoveryKey
    preset: Preset
    settings: tuple[Snippet, ...]
    next_steps: tuple[NextStep, ...]


def begin(
    folder: str,
    *,
    preset: str,
    domain: str | None,
    now: float,
    show: Callable[[Begun], None] = lambda _begun: None,
) -> Begun:
    """
    Write a configuration for one site and the keys of its authorities into *folder*.

    *show* tells a person, who is the only one to keep the recovery identity: when it raises,
    nothing stays that was sealed for an identity that nobody has seen.

    Raises:
        UsageError: the preset or the domain is none, or something is there already.
        SourceError: the folder cannot be written.
    """
    known = _preset(preset)
    recovery = new_recovery_key()
    text = render_template(known, _domain(domain or DEFAULT_DOMAIN), recovery.recipient)
    place = Path(folder)
    config = place / CONFIG_NAME
    inventory = parse(text, str(config), folder=str(place.absolute()))
    state = Path(inventory.state_folder)
    authority = local_authority(inventory)
    if config.exists():
        raise _is_there(config)
    for path in (authority.server_path, authority.client_path):
        if Path(path).exists():
            raise UsageError(
                f"authority {quoted_path(path)} is already there, and is never overwritten",
                hint=f"move {state} away, or choose another folder",
            )
    site = inventory.sites[0]
    with _written(config, text, authority.server_path, authority.client_path):
        _made_private(state)
        domains = sorted(domain for site in inventory.sites for domain in site.domains)
        server = authority.server(domains, now)
        client = authority.client(now)
        begun = Begun(
            config=str(config),
            server_authority=server.path,
            client_authority=client.path,
            recovery=recovery,
            preset=known,
            settings=settings_for(known, front_of(site, inventory.listen)),
            next_steps=_next_steps(inventory, str(config)),
        )
        show(begun)
    return begun


def _preset(name: str) -> Preset:
    found = PRESETS.get(name)
    if found is None:
        raise UsageError(
            f"preset {quoted(name)} does not exist; the presets are {', '.join(PRESETS)}",
            hint=nearest(name, PRESETS, "--preset {}") or "--preset none",
        )
    return found


def _domain(text: str) -> str:
    try:
        return read_domain(text)
    except UnfitError as error:
        message = f"domain {quoted(text)} {error}"
        raise UsageError(message, hint="--domain shop.example") from error


@contextlib.contextmanager
def _written(config: Path, text: str, *authorities: str) -> Iterator[None]:
    # Exclusively created, so that two runs or an older file cannot be overwritten.
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        with config.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        if not config.parent.is_dir():
            message = f"{quoted_path(str(config.parent))} is no folder"
            raise UsageError(message, hint="sealgate init DIR") from error
        raise _is_there(config) from error
    except (OSError, ValueError) as error:
        reason = (error.strerror or "error").lower() if isinstance(error, OSError) else "no path"
        raise UsageError(
            f"configuration {quoted_path(str(config))} cannot be written: {reason}",
            hint="sealgate init DIR",
        ) from error
    try:
        yield
    except BaseException:
        # An authority without its certificate is made anew, with another key.
        for path in (config, *map(Path, authorities)):
            with contextlib.suppress(OSError):
                path.unlink()
        raise


def _is_there(config: Path) -> UsageError:
    return UsageError(
        f"configuration {quoted_path(str(config))} is already there, and is never overwritten",
        hint="sealgate plan, or sealgate init DIR for another site",
    )


def _made_private(state: Path) -> None:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"state folder {quoted_path(str(state))} cannot be made: {error.strerror}",
            hint="sealgate init DIR",
        ) from error


def _next_steps(inventory: Inventory, config: str) -> tuple[NextStep, ...]:
    site = inventory.sites[0]
    shut = [route.door.path for route in site.routes if route.shut]
    is_here = Path(config).absolute().parent == Path.cwd()
    named = "" if is_here else f" -c {shlex.quote(config)}"
    door = f"Open the backend: {shut[0]} is shut for everybody until then." if shut else None
    return (
        NextStep(
            f"Set domains, upstream and [operator] in {config}. Then look, and serve:",
            (f"sealgate plan{named}", f"sealgate serve{named}"),
        ),
        NextStep(
            "Have your machines trust the local CA, or give a certificate under [tls]:",
            (f"sealgate trust{named}",),
        ),
        NextStep(
            door or "Lock the backend, where there is one:",
            (
                f"sealgate user add alice --group editors{named}",
                f"sealgate key issue alice --p12 alice.p12{named}",
            ),
            "Then take the # off its lines in the file.",
        ),
    )
