"""Web roots in an assessment: what lies below them that no visitor may have."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.assess.minimise import exposed, web_root_sighting
from sealgate.errors import UsageError
from sealgate.policy.assets import Asset, AssetKind, site_asset
from sealgate.policy.protection import NO_PROTECTION
from sealgate.policy.requirements import AssetRequirement

if TYPE_CHECKING:
    from sealgate.assess.model import KindFound
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Observation


@dataclass(frozen=True, slots=True)
class _WebRoot:
    """
    A folder that visitors may read (links resolved), and the asset that stands for it.

    *covered*: the sources hold all of it, so that "nothing is there" can be said.
    """

    path: str
    asset: Asset
    covered: bool


class WebRoots:
    """
    The web roots of configured sites (under the site's asset) and those that were *given*.

    *sources* are the paths that are assessed; *show* makes a place fit to be shown.

    Raises:
        UsageError: a *given* one is no folder.
    """

    def __init__(
        self,
        inventory: Inventory | None,
        given: Sequence[str],
        sources: Sequence[str],
        show: Callable[[str], str],
    ) -> None:
        self._show = show
        self._found: dict[str, list[str]] = {}
        wanted: dict[str, Asset] = {}
        for path in given:
            if not os.path.isdir(path):  # noqa: PTH112
                raise UsageError(
                    f'web root "{show(path)}" is no folder',
                    hint="give the folder that the web server serves files from",
                )
            name = show(os.path.abspath(path))  # noqa: PTH100
            wanted[os.path.realpath(path)] = Asset(f"file {name}/", AssetKind.FILE)
        for site in inventory.sites if inventory else ():
            if site.web_root is not None:
                wanted[os.path.realpath(site.web_root)] = site_asset(site)
        real = [os.path.realpath(source) for source in sources]
        self._roots = tuple(
            _WebRoot(path, asset, covered=any(_lies_in(path, source) for source in real))
            for path, asset in wanted.items()
        )

    def note(self, place: str, format_name: str, kinds: Sequence[KindFound]) -> str | None:
        """Note the file at *place* if no visitor may have it; return what it is then."""
        if not self._roots:
            return None
        real = os.path.realpath(place)
        noted = None
        for root in self._roots:
            if real == root.path or not _lies_in(real, root.path):
                continue
            relative = os.path.relpath(real, root.path)
            found = exposed(relative, format_name=format_name, kinds=kinds)
            if found is not None:
                noted, part = found
                told = self._found.setdefault(root.asset.id, [])
                told.append(f"{self._show(part)} ({noted})")
        return noted

    def judged(self, class_id: str) -> list[tuple[AssetRequirement, Observation]]:
        """
        Return each root of which something can be said, with the observation of it.

        *class_id* is the class of what anyone may have.
        """
        return [
            (
                AssetRequirement(root.asset, class_id, NO_PROTECTION),
                web_root_sighting(root.asset.id, self._found.get(root.asset.id, ())),
            )
            for root in self._roots
            if root.covered or root.asset.id in self._found
        ]


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
