"""Joomla: the administrator, the interface for programs, and the installer."""

from __future__ import annotations

from sealgate.config.presets.model import UNTRIED, Preset, Snippet
from sealgate.policy.inventory import Door

JOOMLA = Preset(
    name="joomla",
    title="Joomla",
    doors=(
        Door("/administrator"),
        # Joomla 4 and later: every call needs a token of an administrator, unless a plug-in says
        # otherwise, so no public page uses it.
        Door("/api"),
        Door("/installation"),
        # Super users may change the configuration from the front side, on any path.
        Door("/", query="option", query_value="com_config"),
    ),
    snippets=(
        Snippet(
            "Joomla 4 and later",
            "configuration.php",
            """\
public $behind_loadbalancer = true;
public $force_ssl = 2;
public $live_site = 'https://{host}';
""",
            "Joomla then knows that the visitor came over HTTPS",
        ),
    ),
    limits=(
        UNTRIED,
        "whoever signs in on the front side and may edit there works without the lock",
    ),
)
