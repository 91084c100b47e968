"""
Any software: places where administration usually is, and which no public page needs.

It counts where a site names no preset, so a word that a public page may well have
(``/console`` of a toy shop) is not here.
"""

from __future__ import annotations

from sealgate.config.presets.model import UNTRIED, Preset
from sealgate.policy.inventory import Door

GENERIC = Preset(
    name="generic",
    title="a site of unknown software",
    doors=tuple(
        Door(path)
        for path in (
            *("/admin", "/administrator", "/wp-admin", "/wp-login.php", "/xmlrpc.php", "/typo3"),
            # Tools for databases, and what servers tell of themselves.
            *("/phpmyadmin", "/pma", "/adminer.php", "/adminer", "/server-status", "/server-info"),
            # Of Tomcat and of Java's frameworks, which tell environments and heaps.
            *("/manager/html", "/manager/text", "/manager/jmxproxy", "/manager/status"),
            *("/host-manager", "/actuator", "/jolokia", "/h2-console"),
            # Debug pages of Symfony and Laravel.
            *("/_profiler", "/_ignition"),
        )
    ),
    limits=(
        UNTRIED,
        "a backend at any other place needs a [[site.route]] of its own",
        "what programs do with credentials is not known: declare it by credentials",
    ),
)
