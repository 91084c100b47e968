"""
A small Wagtail site, served on loopback: ``python -m tests.peers.django_sites.wagtail_site PORT FOLDER``.

Django's own admin site lies below the language, as ``i18n_patterns`` puts it. What was made is
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

settings.configure(
    **COMMON(FOLDER),
    INSTALLED_APPS=[
        "wagtail.contrib.forms",
        "wagtail.contrib.redirects",
        "wagtail.embeds",
        "wagtail.sites",
        "wagtail.users",
        "wagtail.snippets",
        "wagtail.documents",
        "wagtail.images",
        "wagtail.search",
        "wagtail.admin",
        "wagtail",
        "modelcluster",
        "taggit",
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    WAGTAIL_SITE_NAME="Press",
    WAGTAILADMIN_BASE_URL="https://localhost",
)
django.setup()

from django.contrib import admin  # noqa: E402
from wagtail import urls as pages  # noqa: E402
from wagtail.admin import urls as administration  # noqa: E402
from wagtail.documents import urls as documents  # noqa: E402
from wagtail.models import Page  # noqa: E402

urlpatterns = [
    path("admin/", include(administration)),
    path("documents/", include(documents)),
    *i18n_patterns(path("django-admin/", admin.site.urls)),
    path("", include(pages)),
]

if __name__ == "__main__":
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    home = Page.objects.get(depth=2)
    home.title = "Welcome to the press"
    home.save_revision().publish()
    home.add_child(instance=Page(title="Open letter", slug="letter"))
    hidden = home.add_child(instance=Page(title="Unfinished plans", slug="plans", live=False))
    write_made(FOLDER, session=sign_in_editor(), page=str(hidden.pk))
    serve(PORT, FOLDER)
