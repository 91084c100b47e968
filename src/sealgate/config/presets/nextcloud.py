"""
Nextcloud: the administration pages. It has no backend apart from its front.
"""

from __future__ import annotations

from sealgate.config.presets.model import Preset, Snippet
from sealgate.policy.inventory import CookieRule, Door

_PAGES = ("/settings/admin", "/settings/users", "/settings/apps")

NEXTCLOUD = Preset(
    name="nextcloud",
    title="Nextcloud",
    doors=(
        *(Door(page) for page in _PAGES),
        # Without pretty URLs the same pages stand behind the script.
        *(Door(f"/index.php{page}") for page in _PAGES),
        Door("/updater"),
    ),
    cookies=(
        # "oc" and the instance's random id: the session; oc_sessionPassphrase: its key.
        CookieRule("oc*", http_only=True, same_site="Lax"),
        CookieRule("nc_session_id", http_only=True, same_site="Lax"),
        CookieRule("nc_username", http_only=True, same_site="Lax"),
        CookieRule("nc_token", http_only=True, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "all versions",
            "config/config.php",
            """\
'trusted_domains' => [{hosts_php}],
'trusted_proxies' => ['{gateway}'],
'forwarded_for_headers' => ['HTTP_X_FORWARDED_FOR'],
'overwriteprotocol' => 'https',
'overwritehost' => '{host}',
'overwritecondaddr' => '^{gateway_pattern}$',
'overwrite.cli.url' => 'https://{host}',
""",
            "Nextcloud then makes https links, and sees and throttles the real client address",
        ),
    ),
    limits=(
        (
            "administrators sign in where everybody does, so the lock covers the pages of the "
            "administration, not the calls (/ocs, /apps) that an administrator's session may make: "
            "also require a second factor for the group admin"
        ),
        "group administrators need a client certificate for /settings/users",
    ),
)
