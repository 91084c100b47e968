"""OpenSSL and the stores of real systems take the local authorities, and hold them to their limits."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
)

from sealgate.app.keys import Delivery, issue_key
from sealgate.app.trust import guides
from sealgate.identity.adapters import minting
from sealgate.identity.adapters.authority import LocalAuthority, Minted
from sealgate.policy.inventory import Inventory, Operator

pytestmark = pytest.mark.peer("openssl")

OPERATOR = Operator("Shop Ltd", "DE", "Kassel")
SITES = {
    "shop.example": ("shop.example", "www.shop.example"),
    "127.0.0.1": ("127.0.0.1",),
    "::1": ("::1", "localhost"),
}
# The same moment for everything: no test waits, and none depends on the day.
NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Local:
    """Both authorities in one folder, and the key of each to do with it what they would not."""

    folder: Path
    authority: LocalAuthority

    def keys(self, name: str) -> Minted:
        """Return the certificate and key of the authority *name*."""
        (key_path,) = (self.folder / "authority").glob(f"{name}-*.key")
        key = load_pem_private_key(key_path.read_bytes(), None)
        pem = (self.folder / "authority" / f"{name}.pem").read_bytes()
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(pem), key

    def write(self, certificate: x509.Certificate) -> str:
        """Return the path of *certificate* in PEM."""
        path = self.folder / f"{certificate.serial_number:x}.pem"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return str(path)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    """Return a fresh installation's authorities."""
    folder = tmp_path_factory.mktemp("local")
    authority = LocalAuthority(str(folder / "authority"), str(folder / "certificates"), OPERATOR)
    authority.server_certificates(SITES, NOW)
    authority.client(NOW)
    return Local(folder, authority)


def verify(ca: str, certificate: str, *options: str) -> str:
    """Return what ``openssl verify`` has to say; empty when it is content."""
    command = ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAfile", "-no-CAstore"]
    command += ["-attime", str(int(NOW)), "-CAfile", ca, *options, certificate]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stdout == f"{certificate}: OK\n")
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("site", "check"),
    [
        ("shop.example", ["-verify_hostname", "shop.example"]),
        ("shop.example", ["-verify_hostname", "www.shop.example"]),
        ("127.0.0.1", ["-verify_ip", "127.0.0.1"]),
        ("::1", ["-verify_ip", "::1"]),
        ("::1", ["-verify_hostname", "localhost"]),
    ],
)
def test_openssl_takes_the_server_certificates(local: Local, site: str, check: list[str]) -> None:
    """Strictly, for servers, for each name; and not for a name that is not theirs."""
    made = local.authority.server_certificates(SITES, NOW)
    chain = made.certificates[site].chain
    assert verify(made.authority.path, chain, "-purpose", "sslserver", *check) == ""
    assert "mismatch" in verify(
        made.authority.path, chain, "-purpose", "sslserver", "-verify_hostname", "other.example"
    )


@pytest.mark.parametrize("name", ["other.example", "shop.example.evil.example", "127.0.0.2", "::2"])
def test_openssl_holds_the_server_authority_to_its_domains(local: Local, name: str) -> None:
    """With the very key of the authority, no certificate for another name is accepted."""
    stolen = local.keys("server-ca")
    leaf, _ = minting.mint_server(*stolen, OPERATOR, [name], days=1, now=NOW)
    told = verify(local.authority.server_path, local.write(leaf), "-purpose", "sslserver")
    assert "subtree violation" in told


def test_openssl_takes_a_client_certificate_for_clients_only(local: Local) -> None:
    """The same certificate is refused as a server's."""
    issued = local.authority.issue("änna", 30, NOW)
    path = local.write(issued.certificate)
    assert verify(local.authority.client_path, path, "-purpose", "sslclient") == ""
    assert "purpose" in verify(local.authority.client_path, path, "-purpose", "sslserver")
    assert verify(local.authority.server_path, path, "-purpose", "sslclient")


@pytest.mark.parametrize("operator", [OPERATOR, Operator()])
def test_openssl_takes_a_site_that_has_only_an_address(tmp_path: Path, operator: Operator) -> None:
    """The authority is then held to the address, and no name in the subject breaks that."""
    authority = LocalAuthority(str(tmp_path / "a"), str(tmp_path / "c"), operator)
    made = authority.server_certificates({"site": ("127.0.0.1",)}, NOW)
    chain = made.certificates["site"].chain
    options = ("-purpose", "sslserver", "-verify_ip", "127.0.0.1")
    assert verify(made.authority.path, chain, *options) == ""


@pytest.mark.parametrize("name", ["shop.example", "127.0.0.1", "::1"])
def test_openssl_lets_the_client_authority_vouch_for_no_server(local: Local, name: str) -> None:
    """Its constraints bite also where nobody reads the usage of an authority."""
    stolen = local.keys("client-ca")
    leaf, _ = minting.mint_server(*stolen, OPERATOR, [name], days=1, now=NOW)
    path = local.write(leaf)
    assert "subtree violation" in verify(local.authority.client_path, path)
    assert verify(local.authority.client_path, path, "-purpose", "sslserver")


@pytest.mark.parametrize("name", ["server-ca", "client-ca"])
def test_openssl_takes_no_authority_below_an_authority(local: Local, name: str) -> None:
    """Path length 0: a leaf's key signs nothing that counts, and no sub-authority does."""
    certificate, key = local.keys(name)
    made, below_key = minting.mint_client_authority(OPERATOR, NOW)
    identifier = x509.SubjectKeyIdentifier.from_public_key(below_key.public_key())
    issuer = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer)
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    below = (
        # A name of its own: RFC 5280, 6.1.4 (l), does not count a self-issued certificate.
        x509.CertificateBuilder(
            certificate.subject, minting.subject_of(OPERATOR, "below"), below_key.public_key(), 4711
        )
        .not_valid_before(made.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(authority, critical=False)
        .sign(key, hashes.SHA256())
    )
    if name == "server-ca":
        names = ["shop.example"]
        leaf, _ = minting.mint_server(below, below_key, OPERATOR, names, days=1, now=NOW)
    else:
        leaf, _ = minting.mint_client(below, below_key, OPERATOR, "anna", days=1, now=NOW)
    ca = str(local.folder / "authority" / f"{name}.pem")
    told = verify(ca, local.write(leaf), "-untrusted", local.write(below))
    assert "path length" in told


@pytest.mark.parametrize(
    ("legacy", "mac", "told"),
    [
        (False, "sha256", "PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256"),
        (True, "sha1", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048"),
    ],
)
def test_openssl_opens_the_file_for_browsers(
    tmp_path: Path,
    legacy: bool,  # noqa: FBT001  # a table
    mac: str,
    told: str,
) -> None:
    """AES-256 and SHA-256 unless the old form is asked for; without the password it stays shut."""
    inventory = Inventory(str(tmp_path / "s.toml"), str(tmp_path / "state"), operator=OPERATOR)
    path = str(tmp_path / "anna.p12")
    delivery = Delivery(p12=path, legacy=legacy)
    issued = issue_key(inventory, "anna", delivery, groups=(), days=30, by="me", now=NOW)

    def read(password: str | None) -> subprocess.CompletedProcess[str]:
        command = ["openssl", "pkcs12", "-info", "-in", path, "-nodes", "-passin"]
        command.append(f"pass:{password}")
        return subprocess.run(command, capture_output=True, text=True, check=False)

    opened = read(issued.password)
    assert opened.returncode == 0
    assert "BEGIN PRIVATE KEY" in opened.stdout
    assert "BEGIN CERTIFICATE" in opened.stdout
    assert f"MAC: {mac}" in opened.stderr
    assert opened.stderr.count(told) == 2
    assert read("wrong").returncode != 0


def test_debians_store_takes_the_authority_as_the_guide_says(local: Local, tmp_path: Path) -> None:
    """A .crt file in the local folder, then update-ca-certificates, in folders of this test."""
    program = shutil.which("update-ca-certificates") or "/usr/sbin/update-ca-certificates"
    (guide,) = [g for g in guides(local.authority.server_path, "x") if "Debian" in g.system]
    name = Path(guide.commands[0].split()[-1]).name
    for folder in ("shared", "own", "store", "hooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "ca-certificates.conf").write_text("")
    shutil.copy(local.authority.server_path, tmp_path / "own" / name)
    command = [program, "--certsconf", str(tmp_path / "ca-certificates.conf")]
    command += ["--certsdir", str(tmp_path / "shared"), "--localcertsdir", str(tmp_path / "own")]
    command += ["--etccertsdir", str(tmp_path / "store"), "--hooksdir", str(tmp_path / "hooks")]
    subprocess.run(command, check=True, capture_output=True)
    chain = local.authority.server_certificates(SITES, NOW).certificates["shop.example"].chain
    bundle = str(tmp_path / "store" / "ca-certificates.crt")
    assert verify(bundle, chain, "-purpose", "sslserver") == ""


@pytest.mark.peer("certutil")
def test_the_store_of_chrome_and_firefox_takes_the_authority(local: Local, tmp_path: Path) -> None:
    """The commands of the guide, typed into a shell; NSS then holds it to its domains too."""
    (guide,) = [g for g in guides(local.authority.server_path, "x") if "Chrome" in g.system]
    environment = {**os.environ, "HOME": str(tmp_path)}

    def typed(command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command], env=environment, check=check, capture_output=True, text=True
        )

    for command in guide.commands:
        if not command.startswith("sudo"):
            typed(command)

    def judged(path: str) -> str:
        add = f'certutil -d "sql:$HOME/.pki/nssdb" -A -t ,, -n {Path(path).name} -i {path}'
        typed(add)
        when = "270115120000Z"
        look = f'certutil -d "sql:$HOME/.pki/nssdb" -V -u V -b {when} -n {Path(path).name}'
        done = typed(look, check=False)
        return done.stdout + done.stderr

    good, stolen = local.authority.server_certificates(SITES, NOW), local.keys("server-ca")
    chain = tmp_path / "good"
    shutil.copy(good.certificates["shop.example"].chain, chain)
    assert "certificate is valid" in judged(str(chain))
    for name, told in (("sub.shop.example", "is valid"), ("other.example", "is invalid")):
        leaf, _ = minting.mint_server(*stolen, OPERATOR, [name], days=1, now=NOW)
        assert f"certificate {told}" in judged(local.write(leaf)), name
    for command in guide.undo:
        typed(command)
    assert "certificate is valid" not in judged(str(chain))


def test_openssl_finds_chain_and_key_matching(local: Local) -> None:
    """What the gateway is given is a pair."""
    kept = local.authority.server_certificates(SITES, NOW).certificates["shop.example"]

    def public(*command: str) -> str:
        done = subprocess.run(["openssl", *command], check=True, capture_output=True, text=True)
        return done.stdout

    of_chain = public("x509", "-in", kept.chain, "-noout", "-pubkey")
    assert public("pkey", "-in", kept.key, "-pubout") == of_chain
