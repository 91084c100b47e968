"""
Roundcube: its installer, and its folders.

It has no backend, and no page for visitors: all of it is the mail of whoever signs in, from anywhere.
So its sign-in is left to the class of ``/``, as the operator wants it, and only that is locked
which no mail is read by.
"""

from __future__ import annotations

from sealgate.config.presets.model import Preset, Snippet
from sealgate.policy.inventory import CookieRule, Door

# It lies at the root of its site, or below one folder.
_FOLDERS = ("", "/*")

ROUNDCUBE = Preset(
    name="roundcube",
    title="Roundcube",
    doors=tuple(
        Door(f"{folder}{path}")
        for folder in _FOLDERS
        for path in (
            # It shows the settings, and connects to any server that it is told.
            "/installer",
            # Settings, attachments of letters under way, logs, and code: what .htaccess shuts in
            # Apache, and what no other web server shuts.
            *("/config", "/temp", "/logs", "/SQL", "/bin", "/tests", "/vendor"),
            *(
                f"/program/{name}"
                for name in ("actions", "include", "lib", "localization", "steps")
            ),
        )
    ),
    cookies=(
        CookieRule("roundcube_sessid", http_only=True, same_site="Lax"),
        CookieRule("roundcube_sessauth", http_only=True, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "all versions",
            "config/config.inc.php",
            """\
$config['use_https'] = true;
$config['proxy_whitelist'] = ['{gateway}'];
""",
            "Roundcube then makes https links and cookies, and counts failed sign-ins by the visitor's "
            "address",
        ),
    ),
    limits=(
        (
            "people sign in as the mail server lets them: a password or a session that was stolen opens a "
            "mailbox from anywhere, until / itself asks for more (class, admit)"
        ),
        "installer and folders are locked at / and below any one folder; deeper down, declare them",
    ),
)
