"""Finding and loading sealgate.toml, and looking at every file that it names."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.config.load import country_database_fault, find_config, load
from sealgate.errors import ConfigError

NOBODY = 65534
SITE = """\
[[site]]
domains = ["shop.example"]
upstream = "https://127.0.0.1:8443"
{more}
[[site.route]]
path = "/"
class = "public"
"""


def write_database(path: Path, record: dict[str, object]) -> None:
    """Write a database that knows *record* for one loopback address."""
    writer = MMDBWriter(4, "Test-Country")
    writer.insert_network(IPSet(["127.0.0.2/32"]), record)
    writer.to_db_file(str(path))


def write_config(folder: Path, text: str) -> str:
    """Write *text* as the configuration in *folder* and return its path."""
    path = folder / "sealgate.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def faults_of(path: str) -> list[str]:
    """Return what loading *path* says, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [str(fault).replace(str(Path(path).parent), ".") for fault in caught.value.faults]


def test_a_config_is_found_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file in the folder itself is named as shortly as the folder was."""
    write_config(tmp_path, "")
    monkeypatch.chdir(tmp_path)

    assert find_config(".") == "sealgate.toml"


def test_a_config_is_found_in_the_nearest_parent(tmp_path: Path) -> None:
    """Folders are searched upwards, the nearest first."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    write_config(tmp_path, "")
    nearest = write_config(tmp_path / "a", "")

    assert find_config(str(deep)) == nearest


def test_no_config_anywhere_says_what_to_type(tmp_path: Path) -> None:
    """Without a file up to the root, the hint is the command that writes one."""
    with pytest.raises(ConfigError, match=r'no "sealgate.toml" in ".*" or a parent') as caught:
        find_config(str(tmp_path))

    assert caught.value.hint == "sealgate init, or name the file: -c /etc/sealgate/sealgate.toml"


def test_paths_of_a_config_given_relatively_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inventory does not depend on where the program is started."""
    write_config(tmp_path, SITE.format(more=""))
    monkeypatch.chdir(tmp_path)

    inventory = load("sealgate.toml")

    assert inventory.source == str(tmp_path / "sealgate.toml")
    assert inventory.state_folder == str(tmp_path / ".sealgate")
    assert inventory.sites[0].place.file == "sealgate.toml"


def test_a_config_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A path given by hand that leads nowhere is said so."""
    with pytest.raises(ConfigError, match="does not exist"):
        load(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("name", [".", "a\0b"])
def test_a_config_that_is_no_file_is_an_error(tmp_path: Path, name: str) -> None:
    """A folder, or a name that no file can have, is a clear error."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(str(tmp_path / name))


def test_a_config_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    """A file in another encoding is a fault at its first wrong byte."""
    path = tmp_path / "sealgate.toml"
    path.write_bytes('# fine\n[operator]\nname = "Gesch\xe4ft"\n'.encode("latin-1"))

    assert faults_of(str(path)) == ["./sealgate.toml:3: the file is not UTF-8"]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Windows editors begin a file with one."""
    path = tmp_path / "sealgate.toml"
    path.write_bytes(b'\xef\xbb\xbf[operator]\r\nname = "Shop"\r\n')

    assert load(str(path)).operator.name == "Shop"


def test_every_file_that_is_missing_is_named_at_its_line(tmp_path: Path) -> None:
    """Missing files are told together with the other faults, in the order of their lines."""
    path = write_config(
        tmp_path,
        '[tls]\ncertificate = { chain = "chain.pem", key = "key.pem" }\n'
        '[gateway]\nenvoy = "envoy"\n[access]\ngeo_database = "country.mmdb"\n'
        + SITE.format(more='upstream_ca = "ca.pem"\nweb_root = "www"\npreset = "x"'),
    )

    assert faults_of(path) == [
        './sealgate.toml:2: chain "./chain.pem" does not exist',
        './sealgate.toml:2: key "./key.pem" does not exist',
        './sealgate.toml:4: envoy "./envoy" does not exist',
        './sealgate.toml:6: geo_database "./country.mmdb" does not exist',
        './sealgate.toml:10: upstream_ca "./ca.pem" does not exist',
        './sealgate.toml:11: web_root "./www" is no folder',
        (
            './sealgate.toml:12: preset "x" does not exist; the presets are typo3, wordpress, '
            "django, wagtail, nextcloud, mediawiki, dokuwiki, matomo, roundcube, drupal, joomla, generic, none"
        ),
    ]


def test_a_program_must_be_executable(tmp_path: Path) -> None:
    """A file without the right to be run is no Envoy."""
    (tmp_path / "envoy").write_text("", encoding="utf-8")
    path = write_config(tmp_path, '[gateway]\nenvoy = "envoy"\n')

    assert faults_of(path) == ['./sealgate.toml:2: envoy "./envoy" is not executable']


def test_a_folder_where_a_file_must_be_is_a_fault(tmp_path: Path) -> None:
    """A key that is a folder cannot be read."""
    (tmp_path / "a").mkdir()
    path = write_config(tmp_path, '[tls]\ncertificate = { chain = "a", key = "sealgate.toml" }\n')

    assert faults_of(path) == ['./sealgate.toml:2: chain "./a" cannot be read: Is a directory']


def test_a_country_database_is_one(tmp_path: Path) -> None:
    """A database whose records have country.iso_code is taken."""
    write_database(tmp_path / "country.mmdb", {"country": {"iso_code": "DE"}})

    path = write_config(tmp_path, '[access]\ngeo_database = "country.mmdb"\n')

    assert load(path).access.geo_database == str(tmp_path / "country.mmdb")


@pytest.mark.parametrize(
    "record", [{"country": "DE"}, {"city": {"names": {"en": "Kassel"}}}, {"country": {"iso": 1}}]
)
def test_a_database_without_countries_is_a_fault(tmp_path: Path, record: dict[str, object]) -> None:
    """A database of something else would refuse everybody, so it is not taken."""
    write_database(tmp_path / "a.mmdb", record)

    fault = country_database_fault(str(tmp_path / "a.mmdb"))

    assert fault == "holds no countries (country.iso_code)"


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"IP2LOCATION" * 1000])
def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path, content: bytes) -> None:
    """Other files named like a database are told apart."""
    path = tmp_path / "country.mmdb"
    path.write_bytes(content)

    assert country_database_fault(str(path)) == "is no MaxMind database (mmdb), or is damaged"


def test_a_damaged_database_never_breaks_the_loader(tmp_path: Path) -> None:
    """Whatever bytes are lost or changed, there is an answer and no exception."""
    path = tmp_path / "country.mmdb"
    write_database(path, {"country": {"iso_code": "DE"}})
    whole = path.read_bytes()
    chance = random.Random(1)  # noqa: S311  # the same damage in every run
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(bytes(damaged[: chance.randint(1, len(damaged))]))

        fault = country_database_fault(str(path))

        assert fault is None or fault.startswith(("is no MaxMind", "holds no"))


def test_a_config_without_permission_is_an_error(tmp_path: Path) -> None:
    """A file that may not be read says so."""
    path = Path(write_config(tmp_path, ""))
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        # Root may read everything, so it steps back for a moment.
        os.seteuid(NOBODY)
    try:
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            load(str(path))
    finally:
        os.seteuid(user)


DROPS = """\
[[drop]]
name = "one"
class = "public"
store = "file:one"
admit = ["user:anna"]
[[drop]]
name = "two"
class = "restricted"
store = "file:two"
admit = ["user:anna"]
"""


@pytest.mark.parametrize(
    ("link", "target", "line", "says"),
    [
        ("one", ".sealgate/authority", 1, "the state folder"),
        ("two", "one/inside", 6, 'the store of drop "one"'),
        ("two", "www", 6, 'the web root of site "shop.example"'),
    ],
)
def test_a_store_that_a_link_leads_elsewhere_is_a_fault(
    tmp_path: Path, link: str, target: str, line: int, says: str
) -> None:
    """Names that are apart may be one place; then files would have two classes, or keys be served."""
    site = (
        '[[site]]\ndomains = ["shop.example"]\nupstream = "http://127.0.0.1:8080"\n'
        'web_root = "www"\n[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    (tmp_path / "www").mkdir()
    config = tmp_path / "sealgate.toml"
    config.write_text(DROPS + site, encoding="utf-8")
    assert len(load(str(config)).drops) == 2
    (tmp_path / target).mkdir(parents=True, exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / target)

    with pytest.raises(ConfigError) as caught:
        load(str(config))

    (fault,) = caught.value.faults
    assert fault.line == line
    assert says in fault.message


def test_a_web_root_that_a_link_leads_to_the_keys_is_a_fault(tmp_path: Path) -> None:
    """What lies below a web root is shown to everybody."""
    config = tmp_path / "sealgate.toml"
    config.write_text(
        '[[site]]\ndomains = ["shop.example"]\nupstream = "http://127.0.0.1:8080"\n'
        'web_root = "www"\n[[site.route]]\npath = "/"\nclass = "public"\n',
        encoding="utf-8",
    )
    (tmp_path / ".sealgate" / "keys").mkdir(parents=True)
    (tmp_path / "www").symlink_to(tmp_path / ".sealgate" / "keys")

    with pytest.raises(ConfigError) as caught:
        load(str(config))

    assert [fault.line for fault in caught.value.faults] == [1]
    assert "leads to the state folder" in caught.value.faults[0].message
