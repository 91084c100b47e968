"""What the Django sites of the tests share: settings, an editor who is signed in, and serving."""

from __future__ import annotations

import json
import threading
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application
from django.test import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "correct horse battery staple"


def COMMON(folder: Path) -> dict[str, Any]:  # noqa: N802  # settings are written so
    """Return the settings that both sites have."""
    return {
        "SECRET_KEY": "of a test",
        "ALLOWED_HOSTS": ["localhost"],
        "ROOT_URLCONF": "__main__",
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "site.sqlite"),
                # Nothing of a test outlives it, so nothing is waited for.
                "OPTIONS": {"init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY"},
            }
        },
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        # A hash that costs little: what is tried here is no password.
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "CSRF_TRUSTED_ORIGINS": ["https://localhost"],
        "LANGUAGE_CODE": "en",
        "LANGUAGES": [("en", "English"), ("de", "German")],
        "SITE_ID": 1,
        "STATIC_URL": "/static/",
        "MEDIA_ROOT": str(folder / "media"),
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.locale.LocaleMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [str(folder / "templates")],
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                        "django.template.context_processors.i18n",
                    ]
                },
            }
        ],
    }


def sign_in_editor() -> str:
    """Return the key of a session of "boss", a superuser who is made here."""
    boss = get_user_model().objects.create_superuser("boss", "boss@mail.example", PASSWORD)
    client = Client()
    client.force_login(boss)
    return str(client.cookies["sessionid"].value)


def write_made(folder: Path, **made: str) -> None:
    """Tell the test what was *made*."""
    (folder / "made.json").write_text(json.dumps({**made, "password": PASSWORD}))


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


def serve(port: int, folder: Path) -> None:
    """Serve until the process ends, and note which requests of a test arrived."""
    site = StaticFilesHandler(get_wsgi_application())
    turn = threading.Lock()

    def noting(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if way := environ.get("HTTP_X_WAY"):
            with turn, (folder / "arrivals").open("a") as file:
                file.write(f"{way}\n")
        return site(environ, start)

    make_server("127.0.0.1", port, noting, _Server, _Quiet).serve_forever()
