"""Nextcloud: the administration pages. It has no backend apart from its front."""

from __future__ import annotations

from sealgate.config.presets.model import UNTRIED, Preset, Snippet
from sealgate.config.values import read_credential
from sealgate.policy.inventory import CookieRule, Door

_PAGES = ("/settings/admin", "/settings/users", "/settings/apps")

NEXTCLOUD = Preset(
    name="nextcloud",
    title="Nextcloud",
    # Below these scripts stand the files of people and of shares, by the names that they gave them.
    titles=(Door("/remote.php"), Door("/public.php"), Door("/index.php")),
    doors=(
        *(Door(page) for page in _PAGES),
        # Without pretty URLs the same pages stand behind the script.
        *(Door(f"/index.php{page}") for page in _PAGES),
        Door("/updater"),
        # What administrators do with accounts and with settings of apps, by the interface for
        # programs; /cloud/user and /cloud/capabilities, which every client asks for, are not below.
        *(Door(f"/ocs/*/cloud/{name}") for name in ("users", "groups", "apps")),
        Door("/ocs/*/apps/provisioning_api/api/v1/config/apps"),
        # An app password is one factor, and opens files and contacts past the second one.
        # Public shares use /public.php, which stays open.
        *(
            Door(path, credentials=(read_credential("authorization"),))
            for path in ("/remote.php", "/ocs")
        ),
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
        UNTRIED,
        (
            "administrators sign in where everybody does: a session's calls below /apps are not "
            "covered, so also require a second factor for the group admin"
        ),
        "group administrators need a client certificate for /settings/users",
        (
            "clients that synchronise by app passwords need a client certificate; where they have "
            'none, declare a route for /remote.php with credentials = ["authorization"]'
        ),
    ),
)
