"""
MediaWiki: where people sign in, and the installer.
"""

from __future__ import annotations

from sealgate.config.presets.model import Preset, Snippet
from sealgate.policy.inventory import Door

# Below these, the manual and packages put the pages of a wiki.
_PAGES = ("/wiki", "/index.php", "/w/index.php", "/mediawiki/index.php")
_NAMES = ("Special:UserLogin", "Special:CreateAccount")

MEDIAWIKI = Preset(
    name="mediawiki",
    title="MediaWiki",
    doors=(
        *(Door(f"{page}/{name}") for page in _PAGES for name in _NAMES),
        *(Door("/", query="title", query_value=name) for name in _NAMES),
        *(Door(f"{script_path}/mw-config") for script_path in ("", "/w", "/mediawiki")),
    ),
    titles=tuple(Door(page) for page in _PAGES),
    snippets=(
        Snippet(
            "all versions",
            "LocalSettings.php",
            """\
$wgServer = 'https://{host}';
$wgForceHTTPS = true;
$wgCookieSecure = true;
$wgCdnServers = ['{gateway}'];
$wgUsePrivateIPs = true;
""",
            "MediaWiki then makes https links and cookies, and believes the gateway, and nobody "
            "else, about the visitor's address",
        ),
    ),
    limits=(
        "a session or a token of somebody who signed in is good on every page",
        "accounts are made, and programs sign in, by /api.php, which is open",
    ),
)
