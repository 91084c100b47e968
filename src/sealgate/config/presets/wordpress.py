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
# It lies at the root of its site, or below one or two folders: its own, a network's, a language's,
# and one that all permalinks begin with.
_FOLDERS = ("", "/*", "/*/*")
# Plugins and themes call these two from public pages; with a session its door holds.
_PUBLIC = ("/wp-admin/admin-ajax.php", "/wp-admin/admin-post.php")
# These scripts take the fields of plug-ins' forms and of comments (whose "author" is who writes),
# and parse no request for pages.
_FORMS = ("/wp-comments-post.php", *_PUBLIC)
_PATHS = (
    # Installer, upgrader, editors of plug-ins and themes lie in there, too.
    "/wp-admin",
    "/wp-login.php",
    # Every call brings a password; it is also what guesses them by the hundred.
    "/xmlrpc.php",
    # Fetches posts from a mailbox, for whoever asks.
    "/wp-mail.php",
    *(f"/wp-json{path}" for path in _API),
    # The names by which people sign in, one by one. Their maps are numbered, with zeros before
    # it or with any word (/wp-sitemap-users-x-01.xml).
    "/author",
    "/wp-sitemap-users-1.xml",
    "/wp-sitemap-users-*",
)


WORDPRESS = Preset(
    name="wordpress",
    title="WordPress",
    # wp.apiFetch sends PUT, PATCH and DELETE as POST with X-HTTP-Method-Override.
    method_override=True,
    doors=(
        *(Door(f"{folder}{path}") for folder in _FOLDERS for path in _PATHS),
        Door("/", credentials=tuple(Credential((part,)) for part in _SIGNED_IN)),
        Door("/", credentials=tuple(Credential((part,)) for part in _KEYS)),
        # The same where permalinks are off, on any path, and in the body of a form.
        *(Door("/", query="rest_route", query_value=path) for path in _API),
        *(Door("/", query=name, besides=_FORMS) for name in ("author", "author_name", "_embed")),
        Door("/", query="sitemap", query_value="users", besides=_FORMS),
    ),
    # Below any folder there is none: that may be a locked one, or a script (/xmlrpc.php/wp-admin/...).
    holes=tuple(Door(path, exact=True) for path in _PUBLIC),
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
            "pages of authors, ?author=, _embed, oEmbed and the maps of authors are locked, for they "
            "tell the names by which people sign in; bylines and feeds show the name that authors chose"
        ),
        (
            "paths are locked at the root and below any one or two folders (/blog/wp-login.php); a page "
            "of yours that is called like one of them, such as /books/author, needs a [[site.route]] of "
            "its own"
        ),
        (
            "below a folder, declare its /blog/wp-admin as the backend: then its comments and forms "
            "are open to strangers (else those with a field author are refused, and so are its "
            "admin-ajax.php and admin-post.php), and its paths are locked at any depth; deeper than "
            "two folders, nothing else tells of it"
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
