"""The parser of sealgate.toml: what loads, what is at fault and where, and that nothing else happens."""

from __future__ import annotations

import datetime as dt
import string
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealgate.config.parse import MAX_CHARACTERS, parse
from sealgate.errors import ConfigError, ExitCode
from sealgate.policy.inventory import (
    AcceptedRisk,
    AccessSettings,
    Address,
    Door,
    Drop,
    Inventory,
    KeySettings,
    Listen,
    Operator,
    PassivePorts,
    SiteAccess,
    TLSSettings,
    Tunnel,
    Upstream,
)
from tests.listening import file_listeners

GOLDEN = Path(__file__).parents[2] / "golden" / "config-faults.txt"

# The example of the design, with one of everything besides.
EXAMPLE = """\
[listen]                           # defaults: all addresses, 443 and 80, 2022 (SFTP)
https = ":443"
http  = ":80"                      # redirects and refuses; serves no content
sftp  = ":2022"
ftps  = ":21"
ftps_implicit = ":990"
trusted_proxies = []               # balancers that speak PROXY protocol
ftps_passive = { address = "203.0.113.7", ports = "50000-50100" }

[operator]
name = "Shop Ltd"
country = "DE"
locality = "Kassel"

[tls]
certificate = "local-ca"           # local-ca | acme | { chain = "...", key = "..." } (watched)
hsts_seconds = 300                 # raise to 63072000 when you are sure

[access]
countries = ["DE", "NO"]
geo_database = "country.mmdb"

[[site]]
domains  = ["shop.example", "www.shop.example"]
upstream = "http://127.0.0.1:8080"
preset   = "typo3"                 # typo3 | wordpress | django | nextcloud | none

[[site.route]]
path  = "/"
class = "public"

[[site.route]]
path     = "/checkout"
class    = "public"
collects = "confidential"          # takes card and address: transit of confidential

[[site.route]]
path   = "/account"
class  = "restricted"
access = "site"                    # the site itself asks for the password

[[site.route]]
path    = "/typo3"
class   = "confidential"
backend = true                     # locked to TLS before the site sees the request
admit   = ["group:editors"]

[[drop]]                           # a folder served over SFTP and FTPS
name  = "partners"
class = "confidential"
store = "file:partners"            # or s3://bucket/prefix
admit = ["group:partners"]

[[tunnel]]
name = "console"
class = "confidential"
target = "127.0.0.1:5432"
admit = ["user:anna"]

[keys]
protection = "passphrase"

[[accept]]
rule   = "at-rest-unobserved"
asset  = "database shop"
by     = "the head of IT"
reason = "volume encryption is confirmed by the provider's report"
until  = 2027-03-31
"""
SITE = """\
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
"""


def read(text: str) -> Inventory:
    """Parse *text* as a file in /srv."""
    return parse(text, "sealgate.toml", folder="/srv")


def cases() -> dict[str, tuple[str, list[str]]]:
    """Return the golden cases: name to document and expected lines."""
    found = {}
    for block in GOLDEN.read_text(encoding="utf-8").split("=== ")[1:]:
        name, rest = block.split("\n", 1)
        document, expected = rest.split("---\n", 1)
        found[name] = (document, expected.strip().splitlines())
    return found


@pytest.mark.parametrize(("document", "expected"), cases().values(), ids=cases().keys())
def test_every_fault_has_its_line_its_message_and_its_hint(
    document: str, expected: list[str]
) -> None:
    """Each defective document gives exactly the faults of the golden file."""
    with pytest.raises(ConfigError) as caught:
        parse(document, "sealgate.toml")

    told = []
    for fault in caught.value.faults:
        told += [str(fault), f"  hint: {fault.hint}"]
    assert told == expected
    assert caught.value.exit_code == ExitCode.USAGE


def test_the_example_of_the_design_loads() -> None:
    """Every section of the example arrives in the inventory as it is meant."""
    inventory = read(EXAMPLE)

    assert inventory.source == "/srv/sealgate.toml"
    assert inventory.state_folder == "/srv/.sealgate"
    assert inventory.listen == Listen(
        files=file_listeners(ftps=(Address("::", 21),), ftps_implicit=(Address("::", 990),)),
        ftps_passive=PassivePorts("203.0.113.7", 50000, 50100),
        ftps_domain="shop.example",
    )
    assert inventory.keys == KeySettings("passphrase")
    assert inventory.operator == Operator("Shop Ltd", "DE", "Kassel")
    assert inventory.tls == TLSSettings(None, None, 300)
    assert inventory.access == AccessSettings(("DE", "NO"), "/srv/country.mmdb")
    assert inventory.accepted == (
        AcceptedRisk(
            "at-rest-unobserved",
            "database shop",
            "the head of IT",
            "volume encryption is confirmed by the provider's report",
            dt.date(2027, 3, 31),
        ),
    )
    confidential = inventory.model.find("confidential")
    assert confidential is not None
    assert inventory.drops == (
        Drop("partners", confidential, "file:/srv/partners", ("group:partners",)),
    )
    assert inventory.tunnels == (
        Tunnel("console", confidential, Address("127.0.0.1", 5432), ("user:anna",)),
    )


def test_the_site_of_the_example_loads_with_the_doors_of_its_preset() -> None:
    """Declared routes come first and unchanged; the preset's doors admit the same editors."""
    (site,) = read(EXAMPLE).sites

    assert site.domains == ("shop.example", "www.shop.example")
    assert site.upstream == Upstream("http", "127.0.0.1", 8080)
    assert [
        (r.door, r.classification.id, r.collects and r.collects.id, r.access, r.admit, r.origin)
        for r in site.routes
    ] == [
        (Door("/"), "public", None, SiteAccess.SEALGATE, (), "declared"),
        (Door("/checkout"), "public", "confidential", SiteAccess.SEALGATE, (), "declared"),
        (Door("/account"), "restricted", None, SiteAccess.SITE, (), "declared"),
        (
            Door("/typo3"),
            "confidential",
            None,
            SiteAccess.SEALGATE,
            ("group:editors",),
            "declared",
        ),
        (
            Door("/", query="__typo3_install"),
            "confidential",
            None,
            SiteAccess.SEALGATE,
            ("group:editors",),
            "preset:typo3",
        ),
        (
            Door("/typo3/install.php"),
            "confidential",
            None,
            SiteAccess.SEALGATE,
            ("group:editors",),
            "preset:typo3",
        ),
        (
            Door("/typo3/sysext/*/Resources/Public"),
            "public",
            None,
            SiteAccess.SEALGATE,
            (),
            "preset:typo3",
        ),
    ]
    assert [r.backend for r in site.routes] == [False, False, False, True, True, True, False]


def test_places_name_the_line_of_each_table() -> None:
    """A site, a route, a drop and a risk say where they stand."""
    inventory = read(EXAMPLE)

    lines = EXAMPLE.splitlines()
    assert lines[inventory.sites[0].place.line - 1] == "[[site]]"
    assert lines[inventory.sites[0].routes[1].place.line].startswith('path     = "/checkout"')
    assert lines[inventory.drops[0].place.line - 1].startswith("[[drop]]")
    assert lines[inventory.accepted[0].place.line - 1] == "[[accept]]"


def test_an_empty_document_has_the_defaults() -> None:
    """Nothing declared means no site, all addresses, the local CA and the guideline's model."""
    listen = Listen(files=file_listeners())
    assert read("") == Inventory("/srv/sealgate.toml", "/srv/.sealgate", listen)


def test_relative_paths_are_relative_to_the_file() -> None:
    """Every path in the file starts at the file's folder; absolute ones stay."""
    inventory = read(
        '[tls]\ncertificate = { chain = "tls/chain.pem", key = "/etc/key.pem" }\n'
        '[state]\nfolder = "state"\n[gateway]\nenvoy = "bin/envoy"\n'
        '[register]\nurl = "sqlite:///register.sqlite"\n'
    )

    assert (inventory.tls.chain, inventory.tls.key) == ("/srv/tls/chain.pem", "/etc/key.pem")
    assert inventory.state_folder == "/srv/state"
    assert inventory.envoy == "/srv/bin/envoy"
    assert inventory.register_url == "sqlite:////srv/register.sqlite"


def test_a_site_may_have_certificates_of_its_own() -> None:
    """What [site.tls] leaves out is taken from [tls]."""
    text = (
        '[tls]\ncertificate = { chain = "a.pem", key = "a.key" }\nhsts_seconds = 600\n'
        + SITE.replace("[[site.route]]", "[site.tls]\nhsts_seconds = 0\n[[site.route]]")
        + SITE.replace("shop.", "b.").replace(
            "[[site.route]]", '[site.tls]\ncertificate = "local-ca"\n[[site.route]]'
        )
    )

    first, second = read(text).sites

    assert first.tls == TLSSettings("/srv/a.pem", "/srv/a.key", 0)
    assert second.tls == TLSSettings(None, None, 600)


def test_plain_http_can_be_off() -> None:
    """With http = "off" no port is opened for plain HTTP."""
    assert read('[listen]\nhttp = "off"\n').listen.http == ()


def test_a_model_of_ones_own_replaces_the_default() -> None:
    """Declared classes stand weakest first with the ranks of their rungs."""
    text = (
        '[[class]]\nid = "open"\nin_transit = "protected"\naccess = "none"\nat_rest = "none"\n'
        '[[class]]\nid = "closed"\nname = "Closed"\nin_transit = "highly encrypted"\n'
        'access = "very high"\nat_rest = "encrypted"\n'
    )

    model = read(text).model

    assert [(c.id, c.name, c.rank) for c in model.classes] == [
        ("open", "open", 0),
        ("closed", "Closed", 1),
    ]
    required = model.strictest.required
    assert (required.in_transit, required.access, required.at_rest) == (3, 3, 2)


def test_a_fault_in_a_class_does_not_make_every_route_wrong() -> None:
    """A route of a class with a wrong rung is not reported too."""
    text = '[[class]]\nid = "public"\nin_transit = "x"\naccess = "none"\nat_rest = "none"\n' + SITE

    with pytest.raises(ConfigError) as caught:
        read(text)

    assert [fault.line for fault in caught.value.faults] == [3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[tls]\nhsts_seconds = {'9' * 5000}\n", "sealgate.toml:2: a number has too many digits"),
        (f"[tls]\nhsts_seconds = 0x{'f' * 6000}\n", 'sealgate.toml:2: "hsts_seconds" is far bey'),
        (f"x = {'[' * 5000}{']' * 5000}\n", "sealgate.toml:1: no valid configuration: tables"),
        ("#" * (MAX_CHARACTERS + 1), "sealgate.toml:1: the file has 1000001 characters"),
        (f"a{'.a' * 1_000} = 1", 'sealgate.toml:1: "a" is no section'),
    ],
    ids=["digits", "hexadecimal", "nested", "long", "dotted"],
)
def test_a_monstrous_document_is_a_fault(text: str, message: str) -> None:
    """Documents made to break a parser give one clear fault."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "sealgate.toml")

    assert str(caught.value.faults[0]).startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        '[register]\nurl = "postgresql+psycopg//me:hunter2@host"\n',
        '[[site]]\ndomains = ["a.example"]\nupstream = "http://me:hunter2@127.0.0.1"\n',
        '[[drop]]\nname = "a"\nclass = "public"\nstore = "https://me:hunter2@host/a"\n',
        '[keys]\nprotection = "vault"\nkey = "a/b"\naddress = "https://me:hunter2@vault.example"\n',
        '[keys]\nrecovery = ["AGE-SECRET-KEY-1hunter2"]\n',
    ],
)
def test_a_password_in_a_url_is_never_shown(text: str) -> None:
    """Neither message nor hint repeats a URL that may hold a password."""
    with pytest.raises(ConfigError) as caught:
        read(text)

    said = [caught.value.message, *map(str, caught.value.faults)]
    said += [str(fault.hint) for fault in caught.value.faults]
    assert "hunter2" not in "".join(said)


def settle(text: str) -> None:
    """Parse *text*: an inventory or a ConfigError with faults in the file, nothing else."""
    try:
        parse(text, "sealgate.toml")
    except ConfigError as error:
        faults = error.faults
    else:
        return
    assert faults
    assert all(1 <= fault.line <= text.count("\n") + 1 for fault in faults)
    assert all(fault.hint for fault in faults)


@settings(max_examples=400, deadline=None)
@given(st.text())
@example("\ufeff")
@example("\ud800 = 1")
@example("a.b.c=1\na.b=2")
@example("[[a]]\n[a.b]\n[[a.b]]")
def test_any_text_is_an_inventory_or_a_config_error(text: str) -> None:
    """Whatever the text is, the parser answers in one of its two ways."""
    settle(text)


LINES = [line for line in EXAMPLE.splitlines() if line]
VALUES = st.one_of(
    st.integers().map(str),
    st.sampled_from(["true", "nan", "inf", "1979-05-27", "07:32:00", "[]", "{}", "[[1]]", '""']),
    st.text(string.printable, max_size=20).map(repr),
    st.sampled_from([line.partition("=")[2].partition("#")[0].strip() for line in LINES]),
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_mutated_document_is_an_inventory_or_a_config_error(data: st.DataObject) -> None:
    """Lines dropped, doubled, moved and given other values never break the parser."""
    lines = EXAMPLE.splitlines()
    for _ in range(data.draw(st.integers(1, 6))):
        index = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "move", "value", "character"])):
            case "drop" if len(lines) > 1:
                del lines[index]
            case "double":
                lines.insert(index, lines[index])
            case "move":
                lines.insert(data.draw(st.integers(0, len(lines))), lines[index])
            case "value" if "=" in lines[index]:
                lines[index] = f"{lines[index].partition('=')[0]}= {data.draw(VALUES)}"
            case _:
                place = data.draw(st.integers(0, len(lines[index])))
                new = data.draw(st.characters())
                lines[index] = lines[index][:place] + new + lines[index][place:]

    settle("\n".join(lines))


KEYS = [
    line.partition("=")[0].strip() for line in LINES if "=" in line and not line.startswith("#")
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(KEYS), VALUES)
def test_any_value_at_any_key_is_an_inventory_or_a_config_error(key: str, value: str) -> None:
    """Every key survives every kind of value."""
    changed = [
        f"{key} = {value}" if line.partition("=")[0].strip() == key else line
        for line in EXAMPLE.splitlines()
    ]

    settle("\n".join(changed))
