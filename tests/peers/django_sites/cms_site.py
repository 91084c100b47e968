"""
A small django CMS site, served on loopback: ``python -m tests.peers.django_sites.cms_site PORT FOLDER``.

Its administration and its pages lie below the language, as its manual puts them. What was made is
written to ``FOLDER/made.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path

from tests.peers.django_sites.site_serving import COMMON, serve, sign_in_editor, write_made

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])

(FOLDER / "templates").mkdir(exist_ok=True)
(FOLDER / "templates" / "page.html").write_text(
    "{% load cms_tags sekizai_tags %}<html><head>{% render_block 'css' %}</head><body>"
    "{% cms_toolbar %}<h1>{% page_attribute 'page_title' %}</h1>{% placeholder 'content' %}"
    "{% render_block 'js' %}</body></html>"
)
common = COMMON(FOLDER)
common["MIDDLEWARE"] += [
    "cms.middleware.user.CurrentUserMiddleware",
    "cms.middleware.page.CurrentPageMiddleware",
    "cms.middleware.toolbar.ToolbarMiddleware",
    "cms.middleware.language.LanguageCookieMiddleware",
]
common["TEMPLATES"][0]["OPTIONS"]["context_processors"] += [
    "sekizai.context_processors.sekizai",
    "cms.context_processors.cms_settings",
]
settings.configure(
    **common,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.sites",
        "django.contrib.admin",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "cms",
        "menus",
        "treebeard",
        "sekizai",
    ],
    CMS_CONFIRM_VERSION4=True,
    CMS_TEMPLATES=[("page.html", "Page")],
)
django.setup()

from django.contrib import admin  # noqa: E402

urlpatterns = i18n_patterns(path("admin/", admin.site.urls), path("", include("cms.urls")))

if __name__ == "__main__":
    from cms.api import create_page
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", verbosity=0)
    session = sign_in_editor()
    boss = get_user_model().objects.get(username="boss")
    with transaction.atomic():
        home = create_page("Welcome to the press", "page.html", "en", created_by=boss)
        home.set_as_homepage()
        create_page("Open letter", "page.html", "en", slug="letter", created_by=boss)
    write_made(FOLDER, session=session, page=str(home.pk))
    serve(PORT, FOLDER)
