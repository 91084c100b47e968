"""
WordPress: the dashboard, its sign-in, and two machine doors that attackers like.
"""

from __future__ import annotations

from sealgate.config.presets.model import Preset, Snippet
from sealgate.policy.inventory import CookieRule, Door

WORDPRESS = Preset(
    name="wordpress",
    title="WordPress",
    doors=(
        Door("/wp-admin"),
        Door("/wp-login.php"),
        Door("/xmlrpc.php"),
        Door("/wp-json/wp/v2/users"),
        # The same list of users where permalinks are off, or on any path besides.
        Door("/", query="rest_route", query_value="/wp/v2/users"),
    ),
    holes=(
        # Plugins and themes call these two from public pages.
        Door("/wp-admin/admin-ajax.php", exact=True),
        Door("/wp-admin/admin-post.php", exact=True),
    ),
    cookies=(
        # wp-settings-* is read by the dashboard's scripts, so it is not among them.
        CookieRule("wordpress_*", http_only=True, same_site="Lax"),
        CookieRule("wp-postpass_*", http_only=True, same_site="Lax"),
        CookieRule("PHPSESSID", http_only=True, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "all versions",
            'wp-config.php, above "That\'s all, stop editing!"',
            """\
if ($_SERVER['REMOTE_ADDR'] === '{gateway}'
    && ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}
define('FORCE_SSL_ADMIN', true);
define('WP_HOME', 'https://{host}');
define('WP_SITEURL', 'https://{host}');
""",
            "WordPress reads only $_SERVER['HTTPS'] and ignores X-Forwarded-Proto: without "
            "this the dashboard redirects for ever; a web server that puts the real client "
            "address into REMOTE_ADDR (mod_remoteip, realip) must do the first part itself",
        ),
    ),
    limits=(
        (
            "customers and readers who sign in by /wp-login.php, and visitors of posts that have "
            "a password, are locked out too: declare /wp-login.php as a route of its own for them"
        ),
        "/wp-admin/css, js and images are locked with the rest; only /wp-login.php needs them",
        "applications that use /xmlrpc.php (Jetpack, old mobile ones) are locked out",
    ),
)
