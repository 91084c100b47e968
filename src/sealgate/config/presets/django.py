"""
Django: the admin site where the tutorial puts it, and its two cookies.
"""

from __future__ import annotations

from sealgate.config.presets.model import UNTRIED, Preset, Snippet
from sealgate.policy.inventory import CookieRule, Door

_COMMON = """\
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
ALLOWED_HOSTS = [{domains_python}]
"""
_WHY = (
    "Django then knows that the visitor came over HTTPS; the header may be trusted because "
    "the gateway replaces what clients send, as long as nothing else reaches the site"
)

DJANGO = Preset(
    name="django",
    title="Django",
    doors=(Door("/admin"),),
    cookies=(
        CookieRule("sessionid", http_only=True, same_site="Lax"),
        CookieRule("messages", http_only=True, same_site="Lax"),
        # Scripts read the token from this cookie to send it as a header.
        CookieRule("csrftoken", http_only=False, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "Django 4.0 and later",
            "settings.py",
            _COMMON + "CSRF_TRUSTED_ORIGINS = [{origins_python}]\n",
            _WHY,
        ),
        Snippet(
            "Django 3.2 and earlier",
            "settings.py",
            _COMMON + "CSRF_TRUSTED_ORIGINS = [{hosts_python}]\n",
            _WHY,
        ),
    ),
    limits=(UNTRIED, "an admin site under another path is told by backend_path"),
)
