"""
MediaWiki: its sign-in, its installer, and whatever is done by somebody who is signed in.

Titles have more spellings than anybody can list (aliases, languages, spaces that are none), so the
sign-in is known by what its forms send, and a session by its cookies, whatever the path.
"""

from __future__ import annotations

from sealgate.config.presets.model import Preset, Snippet
from sealgate.policy.inventory import (
    Credential,
    CredentialKind,
    CredentialPart,
    Door,
)

# Below these, the manual puts the pages of a wiki; in English and in German.
_PAGES = ("/wiki", "/index.php", "/w/index.php")
_NAMES = (
    "Special:UserLogin",
    "Special:CreateAccount",
    "Spezial:Anmelden",
    "Spezial:Benutzerkonto_anlegen",
)
# A session is nobody's without the first one (CookieSessionProvider), and a bot's has the second;
# their names begin with the name of the database.
_SIGNED_IN = (
    CredentialPart(CredentialKind.AUTHORIZATION),
    CredentialPart(CredentialKind.COOKIE, "*UserID"),
    CredentialPart(CredentialKind.COOKIE, "*BPsession"),
    CredentialPart(CredentialKind.COOKIE, "centralauth_*"),
)
# What a sign-in and a new account cannot do without: in the forms, and in the API.
_SIGNING_IN = (
    *("wpLoginToken", "wpCreateaccountToken", "lgpassword", "lgtoken", "logintoken"),
    *("createtoken", "centralauthtoken"),
)

MEDIAWIKI = Preset(
    name="mediawiki",
    title="MediaWiki",
    titles=tuple(Door(page) for page in (*_PAGES, "/mediawiki/index.php")),
    doors=(
        *(Door(f"{page}/{name}") for page in _PAGES for name in _NAMES),
        *(Door("/", query="title", query_value=name) for name in _NAMES),
        Door("/", credentials=tuple(Credential((part,)) for part in _SIGNED_IN)),
        Door(
            "/",
            credentials=tuple(
                Credential((CredentialPart(CredentialKind.PARAMETER, name),))
                for name in _SIGNING_IN
            ),
        ),
        *(Door(f"{script_path}/mw-config") for script_path in ("", "/w", "/mediawiki")),
    ),
    snippets=(
        Snippet(
            "all versions",
            "LocalSettings.php",
            """\
$wgServer = 'https://{host}';
$wgForceHTTPS = true;
$wgCookieSecure = true;
$wgCdnServers = ['{gateway}'];
$wgUsePrivateIPs = true;
""",
            "MediaWiki then makes https links and cookies, and believes the gateway, and nobody "
            "else, about the visitor's address",
        ),
    ),
    limits=(
        (
            "readers who sign in are locked out with everybody else: what is done with MediaWiki's "
            "session cookie or an Authorization header is judged as the backend's, on every path"
        ),
        (
            "in other languages than English and German the form's own address has to be declared "
            '(query = "title=Especial:Entrar"), or nobody signs in; a stranger sees the form under '
            "such a name, and cannot send it"
        ),
        "programs that sign in by /api.php are refused: let them use a page's session, or declare it",
        (
            "what the wiki lets everybody do (edit, search, read by /api.php and /rest.php) stays open, "
            "but no form of strangers larger than 64 KiB"
        ),
    ),
)
