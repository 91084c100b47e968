"""
DokuWiki: its sign-in, its interfaces for programs, its folders, and whatever somebody signed in does.

An action has more spellings than anybody can list (``do=l-ogin`` and ``do[login]`` are ``login``), and
every script signs in whoever sends ``u`` and ``p``. So the sign-in is known by what its forms send, and a
session by its cookie, whatever the path; the addresses of the forms are locked in their usual spelling.
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

# Where upstream and Debian put it.
_FOLDERS = ("", "/dokuwiki")
# The cookie holds who it is, and the password. "DokuWiki", the session, is set for readers as well.
# The header names an action, as ?do= does; no page of DokuWiki sends it.
_SIGNED_IN = (
    CredentialPart(CredentialKind.AUTHORIZATION),
    CredentialPart(CredentialKind.COOKIE, "DW*"),
    CredentialPart(CredentialKind.HEADER, "x-dokuwiki-do"),
)
# Name and password; a new account, or a new password for one; and the word from the mail for it.
_FORMS = (("u", "p"), ("login", "save"), ("pwauth",))


def _sent(names: tuple[str, ...]) -> Credential:
    return Credential(tuple(CredentialPart(CredentialKind.PARAMETER, name) for name in names))


DOKUWIKI = Preset(
    name="dokuwiki",
    title="DokuWiki",
    # Below these stand pages and files, by the names that people gave them.
    titles=tuple(
        Door(f"{folder}{path}")
        for folder in _FOLDERS
        for path in ("/doku.php", "/lib/exe/fetch.php", "/_media")
    ),
    doors=(
        *(
            Door("/", query="do", query_value=action)
            for action in ("login", "register", "resendpwd")
        ),
        Door("/", credentials=tuple(Credential((part,)) for part in _SIGNED_IN)),
        Door("/", credentials=tuple(map(_sent, _FORMS))),
        # Programs sign in there by a call in XML or JSON; no page for readers needs them.
        *(
            Door(f"{folder}/lib/exe/{name}.php")
            for folder in ("", "/*")
            for name in ("xmlrpc", "jsonrpc")
        ),
        *(Door(f"{folder}/install.php") for folder in ("", "/*")),
        # Pages that not everybody may read, names and hashes of passwords, and code: what DokuWiki's
        # manual shuts in every web server.
        *(
            Door(f"{folder}{path}")
            for folder in (*_FOLDERS, "/wiki")
            for path in ("/data", "/conf", "/bin", "/inc", "/vendor")
        ),
    ),
    cookies=(
        # DOKU_PREFS is read by scripts, so it is not among them.
        CookieRule("DW*", http_only=True, same_site="Lax"),
        CookieRule("DokuWiki", http_only=True, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "all versions",
            "conf/local.protected.php",
            """\
<?php
$conf['baseurl'] = 'https://{host}';
$conf['securecookie'] = 1;
$conf['trustedproxy'] = '^{gateway_pattern}$';
$conf['trustedproxies'] = ['{gateway}'];
""",
            "DokuWiki then makes https links and cookies, and believes the gateway, and nobody else, "
            "about the visitor's address (trustedproxy up to the release of 2024, then trustedproxies)",
        ),
        Snippet(
            "all versions, where people sign in on the gateway",
            "conf/userscript.js",
            """\
document.addEventListener('DOMContentLoaded', () => {
    for (const form of document.querySelectorAll('#dw__login')) {
        form.action += (form.action.includes('?') ? '&' : '?') + 'do=login';
    }
});
""",
            "the form to sign in is sent to the address of the page that it stands on: the gateway lets "
            "people without a certificate by only where the address says what they want",
        ),
    ),
    limits=(
        (
            "readers who sign in are locked out with everybody else: what is done with DokuWiki's cookie "
            "or an Authorization header is judged as the backend's, on every path"
        ),
        (
            "a stranger sees the form to sign in under other spellings of ?do= and on pages that not "
            "everybody may read, and cannot send it"
        ),
        (
            "a plug-in that signs in in other ways (from an identity provider, or by DokuWiki's session "
            "alone) needs routes of its own"
        ),
        (
            "the folders are locked at / and below /dokuwiki and /wiki; elsewhere they need routes of your "
            "own, all else does not"
        ),
        (
            "what the wiki lets everybody do (edit, search, upload) stays open, but no form of strangers "
            "larger than 64 KiB; so do lib/exe/ajax.php and the media manager, which ask the wiki's own "
            "rules, and lib/exe/taskrunner.php, which every page calls"
        ),
        (
            "with addresses rewritten to /PAGE, a page whose name looks like a leftover (/notes.bak) is "
            'refused: leftovers = ["backups"] on the route / serves it'
        ),
    ),
)
