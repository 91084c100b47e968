"""Commands as an ordinary user who may open low ports and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

NOBODY = 65534


def unprivileged() -> tuple[str, ...]:
    """
    Return what to put before a command, so that it runs as nobody with the one capability.

    Where Python itself lies in a folder that only root may enter, that folder is opened
    for this command alone.
    """
    become = (
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--no-new-privs", "--bounding-set=-all,+net_bind_service"),
        *("--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service"),
    )
    python = Path(sys.executable).resolve()
    shut = next((one for one in reversed(python.parents) if not one.stat().st_mode & 0o001), None)
    if shut is None:
        return become
    inside = shut / python.relative_to(shut).parts[0]
    opened = (
        'inside=$(mktemp -d) && mount --bind "$2" "$inside" && mount -t tmpfs -o mode=755 none "$1" '
        '&& mkdir "$2" && mount --bind "$inside" "$2" && shift 2 && exec "$@"'
    )
    return ("unshare", "--mount", "sh", "-c", opened, "sh", str(shut), str(inside), *become)
