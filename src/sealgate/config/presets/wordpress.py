"""
WordPress: the dashboard, its sign-in, and whatever is done in the name of a user.

Three marks tell that somebody acts as a user: the session's cookies, an ``Authorization`` header
(application passwords, and plug-ins that take tokens), and keys in parameters. Each belongs to the
backend, whatever the path: the same session reads drafts on ``/?p=``, comments with scripts in
``/wp-comments-post.php``, and calls the API by ``/wp-json`` and ``?rest_route=``. Without them these
stay as open as the page ``/``.
"""

from __future__ import annotations

from sealgate.config.presets.model import Preset, Snippet
from sealgate.policy.inventory import (
    CookieRule,
    Credential,
    CredentialKind,
    CredentialPart,
    Door,
)

# Of the API: who there is (and by which name they sign in), many calls in one, and who wrote what.
_API = ("/wp/v2/users", "/batch", "/oembed/1.0/embed")
# wordpress_HASH, wordpress_sec_HASH, wordpress_logged_in_HASH: any of them is a session.
_SIGNED_IN = (
    CredentialPart(CredentialKind.AUTHORIZATION),
    CredentialPart(CredentialKind.COOKIE, "wordpress_*"),
)
# Keys of shops, and of OAuth 1.0a, which count in the URL and in forms. WooCommerce takes them where
# the target holds the words of its API anywhere, so for scripts of their own as well.
_KEYS = (
    CredentialPart(CredentialKind.PARAMETER, "consumer_key"),
    CredentialPart(CredentialKind.PARAMETER, "oauth_consumer_key"),
)
# These scripts take the fields of plug-ins' forms and of comments (whose "author" is who writes),
# and parse no request for pages or for the API.
_FORMS = ("/wp-comments-post.php", "/wp-admin/admin-ajax.php", "/wp-admin/admin-post.php")


def _parameter(name: str, value: str | None = None) -> Door:
    return Door("/", query=name, query_value=value, besides=_FORMS)


WORDPRESS = Preset(
    name="wordpress",
    title="WordPress",
    # wp.apiFetch sends PUT, PATCH and DELETE as POST with X-HTTP-Method-Override.
    method_override=True,
    doors=(
        # Installer, upgrader, editors of plug-ins and themes lie in there, too.
        Door("/wp-admin"),
        Door("/wp-login.php"),
        # Every call brings a password; it is also what guesses them by the hundred.
        Door("/xmlrpc.php"),
        # Fetches posts from a mailbox, for whoever asks.
        Door("/wp-mail.php"),
        Door("/", credentials=tuple(Credential((part,)) for part in _SIGNED_IN)),
        Door("/", credentials=tuple(Credential((part,)) for part in _KEYS)),
        *(Door(f"/wp-json{path}") for path in _API),
        # The same where permalinks are off, on any path, and in the body of a form.
        *(_parameter("rest_route", path) for path in _API),
        # The names by which people sign in, one by one: where numbers lead, and in their maps.
        Door("/author"),
        _parameter("author"),
        _parameter("author_name"),
        _parameter("_embed"),
        _parameter("sitemap", "users"),
        Door("/wp-sitemap-users-1.xml"),
    ),
    holes=(
        # Plugins and themes call these two from public pages; with a session the door above holds.
        Door("/wp-admin/admin-ajax.php", exact=True),
        Door("/wp-admin/admin-post.php", exact=True),
    ),
    sheets=(
        (
            "/wp-login.php",
            (
                *("/wp-admin/css", "/wp-admin/js", "/wp-admin/images"),
                # The same in one file, unless CONCATENATE_SCRIPTS is false.
                *("/wp-admin/load-styles.php", "/wp-admin/load-scripts.php"),
            ),
        ),
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
            "a request with WordPress' session cookie, an Authorization header or an API key is judged "
            "as the backend's, on every path; for customers and readers who sign in, declare "
            '/wp-login.php and / with credentials = ["authorization", "cookie:wordpress_*"] as '
            "routes of your own, and stolen sessions then work from anywhere"
        ),
        "visitors of posts that have a password are locked out too: they give it to /wp-login.php",
        "/wp-admin/css, js and images are locked with the rest; only /wp-login.php needs them",
        "applications that use /xmlrpc.php (Jetpack, old mobile ones) are locked out",
        (
            "pages of authors, ?author=, _embed, oEmbed and the map of authors are locked, for they tell "
            "the names by which people sign in (/wp-sitemap-users-01.xml, spelled with zeros, and "
            "further maps are not: give authors a nicename that is not their login); bylines and "
            "feeds show the name that authors chose"
        ),
        (
            "paths are locked where WordPress lies at the root; below a folder (/blog/wp-login.php, "
            "/blog/author) declare each as a route of your own; sessions, credentials and parameters "
            "are locked on every path"
        ),
        (
            "/wp-cron.php stays open: WordPress calls it by its own public name, it takes no "
            "parameters, and it does only what is due"
        ),
        (
            "strangers cannot send forms larger than 64 KiB, also by /wp-admin/admin-ajax.php and "
            "/wp-admin/admin-post.php: a plug-in's form with larger files is refused"
        ),
    ),
)
