"""
Matomo: its sign-in, its interface for programs, its folders, and whatever is done in the name of a user.

Everything but the tracker goes through ``index.php``: reports, administration, and the page on which
visitors of the tracked sites opt out. So the sign-in is known by what its forms send, a session by its
cookie, and a call of the interface by its parameter, whatever the path. The scripts that take what
trackers send read none of that.
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

_FOLDERS = ("", "/matomo")
# They take visits from everybody, and of any size; with a token they take times and addresses of
# visits as well, and give nothing out.
_TRACKERS = tuple(
    f"{folder}{path}"
    for folder in _FOLDERS
    for path in ("/matomo.php", "/piwik.php", "/js/tracker.php")
)
# The session of Matomo 4 and later, and that of 3.
_SIGNED_IN = (
    CredentialPart(CredentialKind.AUTHORIZATION),
    CredentialPart(CredentialKind.COOKIE, "MATOMO_SESSID"),
    CredentialPart(CredentialKind.COOKIE, "PIWIK_SESSID"),
)
# A token; name and password, in the form, by "logme" and for a new token; a password that is set
# anew or confirmed; an invitation; and an update, which asks nobody who they are.
_FORMS = (
    *(("token_auth",), ("form_password",), ("login", "password"), ("passwordConfirmation",)),
    *(("resetToken",), ("mtmpasswordconfirm",), ("invitation_form",), ("updateCorePlugins",)),
)


def _sent(names: tuple[str, ...]) -> Credential:
    return Credential(tuple(CredentialPart(CredentialKind.PARAMETER, name) for name in names))


MATOMO = Preset(
    name="matomo",
    title="Matomo",
    doors=(
        # One path, so that a route of the operator's for it asks nothing of what trackers send.
        Door("/index.php", query="module", query_value="Login"),
        *(
            Door("/", query="module", query_value=name, besides=_TRACKERS)
            for name in ("Login", "Installation", "CoreUpdater")
        ),
        # Every call of the interface for programs names one.
        Door("/", query="method", besides=_TRACKERS),
        Door("/", credentials=tuple(Credential((part,)) for part in _SIGNED_IN), besides=_TRACKERS),
        Door("/", credentials=tuple(map(_sent, _FORMS)), besides=_TRACKERS),
        *(
            Door(f"{folder}{path}")
            for folder in _FOLDERS
            # Settings, sessions and logs, and code; Matomo shuts them in Apache only.
            for path in (
                "/config",
                "/tmp",  # noqa: S108  # a folder of the site
                "/core",
                "/lang",
                "/libs",
                "/vendor",
                "/console",
                "/misc/cron",
            )
        ),
    ),
    holes=tuple(Door(path, exact=True) for path in _TRACKERS),
    cookies=(
        # matomo_ignore and matomo_lang go to other sites' frames, so they are not among them.
        CookieRule("MATOMO_SESSID", http_only=True, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "all versions",
            "config/config.ini.php",
            """\
[General]
force_ssl = 1
assume_secure_protocol = 1
proxy_client_headers[] = "HTTP_X_FORWARDED_FOR"
proxy_ips[] = "{gateway}"
trusted_hosts[] = "{host}"
""",
            "Matomo then makes https links and cookies, and sees the visitor's address",
        ),
        Snippet(
            "Matomo 4 and later, where pages show its opt-out in a frame",
            "bootstrap.php",
            """\
<?php
if (($_GET['module'] ?? '') === 'CoreAdminHome' && ($_GET['action'] ?? '') === 'optOut') {
    define('PIWIK_SESSION_NAME', 'MATOMO_OPTOUT');
}
""",
            "visitors who opt out then have a session of another name than people who sign in, so that "
            "the gateway can tell them apart",
        ),
    ),
    limits=(
        (
            "the form to sign in is shown to strangers at / and index.php, who cannot send it; people "
            "begin at /index.php?module=Login"
        ),
        (
            "what is done with Matomo's session, a token_auth or an Authorization header is judged as the "
            "backend's, on every path but those of the tracker, and so is every call of the interface for "
            "programs; for reports that everybody may see (of the user anonymous) or that are embedded with "
            'a token, declare / with query = "method" or credentials = ["parameter:token_auth"]'
        ),
        (
            "matomo.php takes tokens too, from servers that send visits: whoever stole one that may write "
            "sends visits of other times and addresses; a route of your own for / by query or credentials "
            'needs besides = ["/matomo.php", "/piwik.php"], or it bounds what trackers send to 64 KiB'
        ),
        (
            "visitors opt out by the script as they are; where a page shows the form in a frame, "
            "bootstrap.php has to give it a session of its own, or its second step is refused"
        ),
        "archive reports by the command core:archive, not over the public name of the site",
        (
            "whoever comes first to a Matomo that is not installed yet installs it: do that before others "
            "reach it"
        ),
        (
            "the folders are locked at / and below /matomo, and the tracker may be there; elsewhere both "
            "need routes of your own"
        ),
    ),
)
