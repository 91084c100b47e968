"""
An OpenID provider of another make (Django OAuth Toolkit) that the tests run, over TLS on loopback.

Settings come from the JSON file argv[1], as for the other one; the line "ready" tells that it
serves. It ends with its standard input.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from joserfc.jwk import RSAKey

given = json.loads(Path(sys.argv[1]).read_text("utf-8"))
settings.configure(
    SECRET_KEY="of the tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="__main__",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        # Says how long answers are: connections end without TLS saying so.
        "django.middleware.common.CommonMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    # Tables as they are now, without how they came to be: that takes seconds.
    MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "sessions", "oauth2_provider")),
    # Nobody guesses here, and the real ones take their time.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    LOGIN_URL="/o/login",
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": given["issuer"],
        "OIDC_RSA_PRIVATE_KEY": RSAKey.import_key(given["keys"][0]).as_pem(private=True).decode(),
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        # Not HTTP Basic: the other provider has that.
        "OIDC_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["client_secret_post"],
        "OAUTH2_VALIDATOR_CLASS": "__main__.Validator",
        "PKCE_REQUIRED": True,
        "SCOPES": dict.fromkeys(("openid", "groups", "email", "profile"), "of the tests"),
    },
)
django.setup()

from django.contrib.auth import authenticate, login  # noqa: E402  # only once it is set up
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402

PAGE = """<!doctype html><html lang="en"><title>Provider</title><h1>Example login</h1>
<form method="post"><label>Name <input name="user"></label>
<label>Password <input name="pass" type="password"></label><button>Log in</button></form>"""


class Validator(OAuth2Validator):  # type: ignore[misc]  # has no types
    """Says who somebody is in claims that are named otherwise than elsewhere."""

    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        """Return what stands in the ID token besides the number of the account."""
        roles = [group.name for group in request.user.groups.all()]
        return {"preferred_username": request.user.get_username(), "roles": roles}


def log_in(request: Any) -> HttpResponse:
    """Ask for name and password, and go on."""
    if request.method != "POST":
        return HttpResponse(PAGE)
    user = authenticate(request, username=request.POST["user"], password=request.POST["pass"])
    if user is None:
        return HttpResponse(PAGE, status=403)
    login(request, user)
    return HttpResponseRedirect(request.GET["next"])


urlpatterns = [path("o/login", log_in), path("o/", include("oauth2_provider.urls"))]


class Quiet(WSGIRequestHandler):
    """Writes no log, and says that TLS is spoken."""

    def get_environ(self) -> dict[str, Any]:
        """Return what the application gets to know."""
        return {**super().get_environ(), "HTTPS": "on"}

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def main() -> None:
    """Make accounts and the client, and serve."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    for name, account in given["accounts"].items():
        user = User.objects.create_user(name, password=given["password"])
        for group in account["groups"]:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
    [client] = given["clients"]
    Application.objects.create(
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=" ".join(client["redirect_uris"]),
        post_logout_redirect_uris=" ".join(client["post_logout_redirect_uris"]),
        algorithm=Application.RS256_ALGORITHM,
        skip_authorization=True,
    )
    server = make_server("127.0.0.1", given["port"], get_wsgi_application(), handler_class=Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given["chain"], given["key"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
