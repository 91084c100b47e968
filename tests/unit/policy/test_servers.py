"""Which server is recognised by what it says, and that remedies for others name none of ours."""

from __future__ import annotations

import re

import pytest

from sealgate.policy.assets import AssetKind
from sealgate.policy.rules import RULES
from sealgate.policy.servers import FIXES, Server, recognised, remedy


@pytest.mark.parametrize(
    ("said", "server"),
    [
        ("nginx", Server.NGINX),
        ("nginx/1.26.3", Server.NGINX),
        ("openresty/1.25.3.1", Server.NGINX),
        ("Apache/2.4.65 (Debian)", Server.APACHE),
        ("Apache-Coyote/1.1", None),
        ("Caddy", Server.CADDY),
        ("Microsoft-IIS/10.0", Server.IIS),
        ("lighttpd/1.4.76", Server.LIGHTTPD),
        ("SSH-2.0-OpenSSH_10.0p2 Debian-7", Server.OPENSSH),
        ("SSH-2.0-dropbear_2025.89\\r\\n", Server.DROPBEAR),
        ("(vsFTPd 3.0.5)", Server.VSFTPD),
        ("ProFTPD Server (Debian) [::ffff:127.0.0.1]", Server.PROFTPD),
        ("--------- Welcome to Pure-FTPd [privsep] [TLS] ----------", Server.PURE_FTPD),
        ("pyftpdlib 2.2.0 ready.", Server.PYFTPDLIB),
        ("envoy", None),
        ("", None),
        ("x" * 100_000 + "nginx", None),
    ],
)
def test_recognised(said: str, server: Server | None) -> None:
    """The name is found in what the server says, and nothing is guessed."""
    assert recognised(said) is server


def test_every_remedy_belongs_to_a_rule_and_can_be_typed() -> None:
    """No entry is for a rule that does not exist, and each is a fragment like the rule's own."""
    assert set(FIXES) <= {rule.id for rule in RULES}
    for fixes in FIXES.values():
        assert fixes
        for text in fixes.values():
            assert text
            assert not text.endswith(".")


def test_plain_words_name_no_setting_of_ours() -> None:
    """What is said of a channel of an unknown server is for its administrator, whoever made it."""
    foreign = {AssetKind.FILE_SERVER, AssetKind.ENDPOINT}
    channels = [rule for rule in RULES if foreign & rule.applies_to]
    assert len(channels) > 35
    for rule in channels:
        assert not re.search(r"sealgate|\[\[?[a-z]+\]|`class", rule.remediation, re.IGNORECASE)
        for server, text in FIXES.get(rule.id, {}).items():
            assert server is Server.SEALGATE or not re.search("sealgate", text, re.IGNORECASE)


@pytest.mark.parametrize(
    "rule",
    ["transit-plaintext", "transit-no-redirect", "transit-no-hsts", "transit-weak-hsts"],
)
@pytest.mark.parametrize("server", [Server.NGINX, Server.APACHE, Server.CADDY, Server.HAPROXY])
def test_web_servers_have_remedies_of_their_own(rule: str, server: Server) -> None:
    """What to do about http and HSTS is said in the words of the server."""
    told = remedy(rule, server)
    assert told
    assert "`" in told or server is Server.CADDY
    assert told != remedy(rule, Server.SEALGATE)


def test_a_server_without_a_remedy_of_its_own_has_none() -> None:
    """Then the rule's plain words stand."""
    assert remedy("transit-weak-version", None) is None
    assert remedy("transit-wrong-name", Server.NGINX) is None
    assert (
        remedy("transit-weak-version", Server.APACHE) == "set `SSLProtocol -all +TLSv1.2 +TLSv1.3`"
    )
