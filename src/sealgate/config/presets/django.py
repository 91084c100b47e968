"""
Django and Wagtail: the admin sites where their manuals put them, and their cookies.

``i18n_patterns`` puts an admin site below the language (``/en/admin/``), as django CMS' manual
does, so it is locked below any one folder, too. What a stolen session shows on public pages
(drafts of Wagtail and django CMS, by ``?edit``) cannot be told from what a customer's shows.
"""

from __future__ import annotations

from sealgate.config.presets.model import Preset, Snippet
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

_COOKIES = (
    CookieRule("sessionid", http_only=True, same_site="Lax"),
    CookieRule("messages", http_only=True, same_site="Lax"),
    # Scripts read the token from this cookie to send it as a header.
    CookieRule("csrftoken", http_only=False, same_site="Lax"),
)
# Styles and scripts of the admin site, which forms of public pages load as well.
_HOLES = (Door("/static/admin"),)
_LIMITS = (
    "an admin site under another path is told by backend_path",
    "a public page /X/admin, below one folder, needs a [[site.route]] of its own",
    "what a stolen session shows on public pages (drafts of a CMS) is not locked",
)
_SNIPPETS = (
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
)

DJANGO = Preset(
    name="django",
    title="Django",
    doors=(Door("/admin"), Door("/*/admin")),
    holes=_HOLES,
    cookies=_COOKIES,
    snippets=_SNIPPETS,
    limits=_LIMITS,
)

WAGTAIL = Preset(
    name="wagtail",
    title="Wagtail",
    doors=tuple(
        Door(f"{folder}{path}") for path in ("/admin", "/django-admin") for folder in ("", "/*")
    ),
    holes=_HOLES,
    cookies=_COOKIES,
    snippets=_SNIPPETS,
    limits=_LIMITS,
)
