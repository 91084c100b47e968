"""TYPO3: the backend, the install tool that its own lockSSL never covered, public assets."""

from __future__ import annotations

from sealgate.config.presets.model import UNTRIED, Preset, Snippet
from sealgate.policy.inventory import CookieRule, Door

_PROXY = """\
$GLOBALS['TYPO3_CONF_VARS']['SYS']['reverseProxyIP'] = '{gateway}';
$GLOBALS['TYPO3_CONF_VARS']['SYS']['reverseProxyHeaderMultiValue'] = 'last';
$GLOBALS['TYPO3_CONF_VARS']['SYS']['reverseProxySSL'] = '{gateway}';
$GLOBALS['TYPO3_CONF_VARS']['SYS']['trustedHostsPattern'] = '({hosts_pattern})';
"""
_WHY = (
    "TYPO3 then believes the gateway, and nobody else, about the visitor's address and "
    "about HTTPS, and answers only to its own names"
)

TYPO3 = Preset(
    name="typo3",
    title="TYPO3",
    doors=(
        Door("/typo3"),
        # The install tool opens on every path that reaches index.php.
        Door("/", query="__typo3_install"),
        Door("/typo3/install.php"),
        # Backend routes by "?route=" and "?token=" lie at /typo3. "?eID=" and "?type=" are how
        # extensions answer public pages, and know no backend user, so they stay open.
    ),
    holes=(
        # TYPO3 <= 11, and later without Composer: the public pages load assets from here.
        Door("/typo3/sysext/*/Resources/Public"),
    ),
    cookies=(
        CookieRule("be_typo_user", http_only=True, same_site="Strict"),
        CookieRule("be_lastLoginProvider", http_only=True, same_site="Strict"),
        CookieRule("Typo3InstallTool", http_only=True, same_site="Strict"),
        CookieRule("fe_typo_user", http_only=True, same_site="Lax"),
        CookieRule("PHPSESSID", http_only=True, same_site="Lax"),
    ),
    snippets=(
        Snippet(
            "TYPO3 12 and later",
            "config/system/additional.php",
            _PROXY + "$GLOBALS['TYPO3_CONF_VARS']['BE']['lockSSL'] = true;\n",
            _WHY,
        ),
        Snippet(
            "TYPO3 11",
            "typo3conf/AdditionalConfiguration.php",
            _PROXY + "$GLOBALS['TYPO3_CONF_VARS']['BE']['lockSSL'] = true;\n",
            _WHY,
        ),
        Snippet(
            "TYPO3 8 to 10",
            "typo3conf/AdditionalConfiguration.php",
            _PROXY
            + "$GLOBALS['TYPO3_CONF_VARS']['BE']['lockSSL'] = true;\n"
            + "$GLOBALS['TYPO3_CONF_VARS']['SYS']['cookieSecure'] = 1;\n",
            _WHY,
        ),
        Snippet(
            "TYPO3 6.2 and 7",
            "typo3conf/AdditionalConfiguration.php",
            # 1 refuses plain HTTP; 2 and 3 only redirect, and 3 goes back to HTTP.
            _PROXY
            + "$GLOBALS['TYPO3_CONF_VARS']['BE']['lockSSL'] = 1;\n"
            + "$GLOBALS['TYPO3_CONF_VARS']['SYS']['cookieSecure'] = 1;\n",
            _WHY,
        ),
    ),
    limits=(
        UNTRIED,
        "a backend moved by BE/entryPoint (TYPO3 13 and later) is told by backend_path",
        (
            "website visitors who sign in (fe_users) are not concerned: give their pages a route "
            'with class = "restricted"'
        ),
    ),
)
