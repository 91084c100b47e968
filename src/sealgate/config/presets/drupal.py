"""Drupal: the administration, its scripts, and its interfaces for programs once somebody is known."""

from __future__ import annotations

from sealgate.config.presets.model import UNTRIED, Preset, Snippet
from sealgate.config.values import read_credential
from sealgate.policy.inventory import CookieRule, Door

# What changes something. Other methods than those of a registry count as any.
_WRITING = ("DELETE", "PATCH", "POST", "PUT")
# Core's basic_auth and the usual OAuth modules; and a session, which may change something only
# with the token of /session/token.
_KNOWN = (
    read_credential("authorization"),
    read_credential("cookie:SESS* + header:x-csrf-token"),
    read_credential("cookie:SSESS* + header:x-csrf-token"),
)

DRUPAL = Preset(
    name="drupal",
    title="Drupal",
    doors=(
        Door("/admin"),
        # Also "?_format=json", by which programs sign in.
        Door("/user/login"),
        Door("/node/add"),
        Door("/node/*/edit"),
        Door("/node/*/delete"),
        # These open by a setting in a file, or by none when the site was never finished.
        Door("/core/install.php"),
        Door("/core/rebuild.php"),
        Door("/core/authorize.php"),
        Door("/update.php"),
        # Drupal 7 and earlier: the same, and every page by a parameter.
        Door("/install.php"),
        Door("/authorize.php"),
        Door("/", query="q", query_value="admin"),
        Door("/", query="q", query_value="user/login"),
        # Reading without credentials is what pages and programs of the public site do.
        Door("/jsonapi", credentials=_KNOWN),
        Door("/jsonapi", methods=_WRITING),
        # Core's REST module answers on the paths of pages; forms of the public site name no format.
        Door("/", query="_format", methods=_WRITING),
        Door("/", query="_format", credentials=_KNOWN),
    ),
    cookies=(
        CookieRule("SESS*", http_only=True, same_site="Lax"),
        CookieRule("SSESS*", http_only=True, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "Drupal 8 and later",
            "sites/default/settings.php",
            """\
$settings['reverse_proxy'] = TRUE;
$settings['reverse_proxy_addresses'] = ['{gateway}'];
$settings['trusted_host_patterns'] = ['^({hosts_pattern})$'];
""",
            "Drupal then believes the gateway, and nobody else, about the visitor's address and "
            "about HTTPS, and answers only to its own names",
        ),
    ),
    limits=(
        UNTRIED,
        "members who sign in at /user/login are locked out: declare it as a route of its own",
        (
            "a session without the token of /session/token counts as a visitor's; pages of editors "
            "under other paths than /admin and /node need a [[site.route]]"
        ),
    ),
)
