"""What is written into certificates."""

import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    ClientVerifier,
    PolicyBuilder,
    ServerVerifier,
    Store,
    VerificationError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.errors import ConfigError, UsageError
from sealgate.identity.adapters import minting
from sealgate.identity.model import checked_name, user_uri
from sealgate.policy.inventory import Operator

NOW = 1_800_000_000.0
SHOP = Operator("Shop Ltd", "de", "Kassel")
DOMAINS = ["shop.example", "www.shop.example", "127.0.0.1"]
SERVER_CA = minting.mint_server_authority(SHOP, DOMAINS, NOW)
CLIENT_CA = minting.mint_client_authority(SHOP, NOW)

Minted = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def server_verifier(name: str, authority: Minted = SERVER_CA, now: float = NOW) -> ServerVerifier:
    """Return pyca's own verifier, which follows the rules of the web."""
    subject: x509.DNSName | x509.IPAddress = x509.DNSName(name)
    if minting.as_address(name) is not None:
        subject = x509.IPAddress(ipaddress.ip_address(name))
    builder = PolicyBuilder().store(Store([authority[0]])).time(minting.moment(now))
    return builder.build_server_verifier(subject)


def client_verifier(authority: Minted = CLIENT_CA) -> ClientVerifier:
    """Return pyca's verifier of client certificates."""
    builder = PolicyBuilder().store(Store([authority[0]])).time(minting.moment(NOW))
    return builder.build_client_verifier()


def server(*domains: str, authority: Minted = SERVER_CA, days: float = 14) -> x509.Certificate:
    """Return a server certificate for *domains*."""
    return minting.mint_server(*authority, SHOP, domains, days=days, now=NOW)[0]


@pytest.mark.parametrize("name", DOMAINS)
def test_a_server_certificate_is_taken_for_its_domains(name: str) -> None:
    """It verifies for each name, address included, and for no time after its end."""
    leaf = server(*DOMAINS)
    assert server_verifier(name).verify(leaf, [])
    with pytest.raises(VerificationError):
        server_verifier(name, now=NOW + 14 * minting.DAY + 1).verify(leaf, [])


@pytest.mark.parametrize("name", ["other.example", "example", "notshop.example", "127.0.0.2"])
def test_the_authority_cannot_vouch_for_another_domain(name: str) -> None:
    """A certificate that it signs for another name fails by its name constraints."""
    with pytest.raises(VerificationError, match=r"(?i)constraint|permitted|excluded"):
        server_verifier(name).verify(server(name), [])


def test_an_authority_without_addresses_cannot_vouch_for_any() -> None:
    """RFC 5280, 4.2.1.10: a kind of name that is not mentioned would be free."""
    authority = minting.mint_server_authority(SHOP, ["shop.example"], NOW)
    for address in ("127.0.0.1", "::1"):
        leaf = server(address, authority=authority)
        with pytest.raises(VerificationError):
            server_verifier(address, authority).verify(leaf, [])


def test_an_authority_for_addresses_cannot_vouch_for_a_name() -> None:
    """The other way round: only addresses are configured."""
    authority = minting.mint_server_authority(SHOP, ["127.0.0.1", "::1"], NOW)
    assert server_verifier("::1", authority).verify(server("::1", authority=authority), [])
    with pytest.raises(VerificationError):
        server_verifier("shop.example", authority).verify(
            server("shop.example", authority=authority), []
        )


def test_the_operator_stands_in_the_subject() -> None:
    """Whoever looks at the certificate sees who runs the site."""
    subject = server(*DOMAINS).subject
    told = {a.oid: a.value for a in subject}
    assert told == {
        NameOID.COUNTRY_NAME: "DE",
        NameOID.LOCALITY_NAME: "Kassel",
        NameOID.ORGANIZATION_NAME: "Shop Ltd",
        NameOID.COMMON_NAME: "shop.example",
    }


def test_without_a_subject_the_alternative_names_are_critical() -> None:
    """RFC 5280, 4.1.2.6: no operator, and a name too long to be a common name."""
    name = ".".join(["a" * 40] * 3) + ".example"
    authority = minting.mint_server_authority(Operator(), [name], NOW)
    leaf, _ = minting.mint_server(*authority, Operator(), [name], days=14, now=NOW)
    assert not list(leaf.subject)
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    assert server_verifier(name, authority).verify(leaf, [])


@pytest.mark.parametrize(
    "operator",
    [Operator("ä" * 33), Operator("", "DEU"), Operator("", "1A"), Operator("", "", "x" * 129)],
)
def test_details_that_do_not_fit_are_the_operators_to_mend(operator: Operator) -> None:
    """RFC 5280, appendix A.1 has upper bounds; beyond them is a ConfigError with the key."""
    with pytest.raises(ConfigError, match="operator") as refused:
        minting.mint_server_authority(operator, ["shop.example"], NOW)
    assert "[operator]" in (refused.value.hint or "")


def test_a_domain_in_unicode_is_refused() -> None:
    """Certificates hold the ASCII form only; which one that is, is not guessed here."""
    with pytest.raises(ConfigError, match="ASCII"):
        minting.general_name("stra\u00dfe.example")


def test_a_certificate_never_outlives_its_authority() -> None:
    """Its end is cut to the authority's."""
    leaf = server(*DOMAINS, days=20 * 365)
    assert leaf.not_valid_after_utc == SERVER_CA[0].not_valid_after_utc


def test_a_late_clock_takes_a_fresh_certificate() -> None:
    """It is valid an hour ago already."""
    assert server_verifier("shop.example", now=NOW - 3500).verify(server(*DOMAINS), [])


def test_a_client_certificate_is_taken_as_such_and_tells_its_user() -> None:
    """The identity is the URI; pyca's verifier accepts the chain for clients."""
    leaf, _ = minting.mint_client(*CLIENT_CA, SHOP, "änna b", days=30, now=NOW)
    verified = client_verifier().verify(leaf, [])
    assert verified.subjects is not None
    uris = [name.value for name in verified.subjects]
    assert uris == ["urn:sealgate:user:%C3%A4nna%20b"]
    assert uris == [user_uri("änna b")]


def test_a_client_certificate_is_no_server_certificate() -> None:
    """Neither its usage nor its names let it stand for a server."""
    leaf, _ = minting.mint_client(*CLIENT_CA, SHOP, "shop.example", days=30, now=NOW)
    with pytest.raises(VerificationError):
        server_verifier("shop.example", CLIENT_CA).verify(leaf, [])
    server_leaf = server("shop.example", authority=CLIENT_CA)
    with pytest.raises(VerificationError):
        server_verifier("shop.example", CLIENT_CA).verify(server_leaf, [])


def test_the_two_authorities_do_not_vouch_for_each_others_kind() -> None:
    """A client certificate that the server authority signed lets nobody in."""
    leaf, _ = minting.mint_client(*SERVER_CA, SHOP, "anna", days=30, now=NOW)
    for authority in (CLIENT_CA, SERVER_CA):
        with pytest.raises(VerificationError):
            client_verifier(authority).verify(leaf, [])


@pytest.mark.parametrize("authority", [SERVER_CA, CLIENT_CA])
def test_an_authority_signs_leaves_only(authority: Minted) -> None:
    """Path length 0, critical constraints, and a usage of its own."""
    extensions = authority[0].extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert extensions.get_extension_for_class(x509.NameConstraints).critical
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert len(usage) == 1
    assert (ExtendedKeyUsageOID.SERVER_AUTH in usage) == (authority is SERVER_CA)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=70))
def test_any_name_makes_a_valid_certificate_or_a_usage_error(name: str) -> None:
    """Unicode, odd characters, very long: nothing else can happen."""
    try:
        kept = checked_name(name)
    except UsageError:
        return
    leaf, _ = minting.mint_client(*CLIENT_CA, SHOP, kept, days=30, now=NOW)
    verified = client_verifier().verify(leaf, [])
    assert [str(n.value) for n in verified.subjects or ()] == [user_uri(kept)]


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
DOMAIN = (
    st.lists(LABEL, min_size=2, max_size=4)
    .map(".".join)
    .filter(lambda d: minting.as_address(d) is None)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(DOMAIN, min_size=1, max_size=3), DOMAIN)
def test_covers_says_what_a_verifier_says(domains: list[str], other: str) -> None:
    """The own judgement of constraints agrees with that of an independent verifier."""
    authority = minting.mint_server_authority(Operator(), domains, NOW)
    constraints = authority[0].extensions.get_extension_for_class(x509.NameConstraints).value
    leaf = server(other, authority=authority)
    try:
        accepted = bool(server_verifier(other, authority).verify(leaf, []))
    except VerificationError:
        accepted = False
    assert minting.covers(constraints, [other]) == accepted
    assert minting.covers(constraints, [*domains, f"sub.{domains[0]}", f"*.{domains[0]}"])
    assert not minting.covers(constraints, ["127.0.0.1"])


def test_times_are_whole_seconds_in_utc() -> None:
    """Certificates hold no fractions."""
    assert minting.moment(0.9) == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
