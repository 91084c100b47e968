"""Drops and tunnels: what arrives in the inventory, and whom files are sealed for."""

from __future__ import annotations

import pytest

from sealgate.config.parse import parse
from sealgate.errors import ConfigError
from sealgate.policy.inventory import Drop, Inventory, OnMismatch
from sealgate.storage.age.hybrid import HybridIdentity
from sealgate.storage.age.x25519 import X25519Identity

CLASSICAL = str(X25519Identity.generate().recipient())
HYBRID = str(HybridIdentity.generate().recipient())
ACCESS = '[access]\ncountries = ["DE"]\ngeo_database = "country.mmdb"\n'


def drop(class_id: str = "restricted", more: str = "") -> str:
    """Return a configuration with one drop of *class_id*."""
    return (
        f'{ACCESS}[[drop]]\nname = "partners"\nclass = "{class_id}"\nstore = "file:partners"\n'
        f'admit = ["group:partners"]\n{more}'
    )


def read(text: str) -> Inventory:
    """Parse *text* as a file in /srv."""
    return parse(text, "sealgate.toml", folder="/srv")


def faults(text: str) -> list[str]:
    """Return the faults of *text*."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [fault.message for fault in caught.value.faults]


def test_what_a_drop_leaves_out_is_open_to_everybody_admitted() -> None:
    """No list narrows nothing, no limit limits nothing, and a mismatch is recorded."""
    (found,) = read(drop()).drops

    assert found == Drop(
        "partners",
        found.classification,
        "file:/srv/partners",
        ("group:partners",),
        on_mismatch=OnMismatch.RECORD,
    )


def test_everything_that_a_drop_may_say() -> None:
    """Each setting arrives in bytes, days and lists."""
    more = (
        'read = ["user:anna"]\nwrite = ["group:partners"]\nlist = []\ndelete = ["user:anna"]\n'
        'quota = "10 GiB"\nmax_file_size = "1 GiB"\nretention_days = 30\n'
        'file_names = ["*.csv", "*.csv"]\non_mismatch = "quarantine"\n'
    )

    (found,) = read(drop(more=more)).drops

    assert (found.read, found.write, found.delete) == (
        ("user:anna",),
        ("group:partners",),
        ("user:anna",),
    )
    # An empty list is nobody, which is not the same as no list.
    assert found.listing == ()
    assert (found.quota_bytes, found.max_file_bytes, found.retention_days) == (
        10 * 2**30,
        2**30,
        30,
    )
    assert found.file_names == ("*.csv",)
    assert found.on_mismatch is OnMismatch.QUARANTINE


@pytest.mark.parametrize(
    ("class_id", "recipient", "says"),
    [
        ("secret", HYBRID, None),
        ("secret", CLASSICAL, "is not post-quantum"),
        ("confidential", CLASSICAL, None),
        ("confidential", HYBRID, "cannot share a file"),
        ("restricted", CLASSICAL, "nothing is sealed for anybody"),
        ("public", HYBRID, "nothing is sealed for anybody"),
    ],
    ids=lambda value: "" if value in {HYBRID, CLASSICAL} else None,
)
def test_recipients_must_fit_the_class(class_id: str, recipient: str, says: str | None) -> None:
    """The top rung takes post-quantum ones only, the one below shares files with the site's key."""
    text = drop(class_id, f'recipients = ["{recipient}"]\n')

    if says is None:
        assert read(text).drops[0].recipients == (recipient,)
    else:
        (message,) = faults(text)
        assert says in message


def test_recovery_shares_files_with_the_sites_key() -> None:
    """A post-quantum recipient beside a classical one would be worth no more than that."""
    keys = read(f'[keys]\nprotection = "passphrase"\nrecovery = ["{CLASSICAL}"]\n').keys
    assert (keys.protection, keys.recovery) == ("passphrase", (CLASSICAL,))
    (message,) = faults(f'[keys]\nrecovery = ["{HYBRID}"]\n')
    assert "cannot share a file" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("file", "", "")),
        ('protection = "credential"\n', ("credential", "", "")),
        ('protection = "credential"\nkey = "mine"\n', ("credential", "mine", "")),
        (
            'protection = "vault"\nkey = "transit/a"\naddress = "https://v.example/"\n',
            ("vault", "transit/a", "https://v.example"),
        ),
        (
            'protection = "aws-kms"\nkey = "alias/a"\n',
            ("aws-kms", "alias/a", ""),
        ),
    ],
)
def test_every_protection_of_the_keys(text: str, expected: tuple[str, str, str]) -> None:
    """Each says what it needs and nothing else."""
    keys = read(f"[keys]\n{text}").keys
    assert (keys.protection, keys.key, keys.address) == expected


def test_only_doors_that_open_are_held_against_each_other() -> None:
    """Without a site nothing listens on 443, so that a drop may be reached there."""
    alone = read('[listen]\nsftp = ":443"\n' + drop())
    assert alone.listen.at("sftp")[0].port == 443
    # FTPS serves drops only: with a tunnel alone it does not open.
    tunnel = '[[tunnel]]\nname = "a"\nclass = "public"\ntarget = "h:1"\nadmit = ["user:a"]\n'
    assert read('[listen]\nftps = ":2022"\n' + tunnel).listen.ftps_domain == ""


def test_ftps_has_the_name_of_the_first_site_unless_told() -> None:
    """A certificate must bear the name that clients call."""
    site = (
        '[[site]]\ndomains = ["shop.example"]\nupstream = "http://127.0.0.1:8080"\n'
        '[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    door = '[listen]\nftps = ":21"\n'
    named = door + 'ftps_domain = "FILES.example"\n'
    assert read(door + site + drop()).listen.ftps_domain == "shop.example"
    assert read(named + site + drop()).listen.ftps_domain == "files.example"


def test_stores_that_only_look_alike_are_apart() -> None:
    """A name that begins with another's is no folder inside it, and a bucket is no folder."""
    second = drop().replace(ACCESS, "").replace('"partners"', '"other"')
    for store in ("file:partners2", "s3://partners", "file:part"):
        assert len(read(drop() + second.replace("file:partners", store)).drops) == 2


@pytest.mark.parametrize(
    ("class_id", "algorithm", "says"),
    [
        ("confidential", "ecdh-sha2-nistp256", None),
        ("confidential", "aes128-ctr", None),
        ("secret", "ecdh-sha2-nistp256", '"secret" demands "highly encrypted"'),
        ("secret", "aes256-ctr", '"secret" demands "highly encrypted"'),
        ("restricted", "diffie-hellman-group14-sha1", "must be one of"),
        ("restricted", "aes256-cbc", "must be one of"),
        ("restricted", "hmac-sha1", "must be one of"),
    ],
)
def test_older_clients_are_never_below_the_class(
    class_id: str, algorithm: str, says: str | None
) -> None:
    """A drop may name what its class still takes, and nothing that the table of algorithms refuses."""
    text = drop(class_id, f'older_clients = ["{algorithm}"]\nrecipients = ["{HYBRID}"]\n')
    if class_id != "secret":
        text = drop(class_id, f'older_clients = ["{algorithm}"]\n')
    if says is None:
        assert read(text).drops[0].older_clients == (algorithm,)
    else:
        assert any(says in message for message in faults(text))
