"""A real Roundcube (Debian's) in a folder of its own, laid out as upstream does, on PHP and Dovecot."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.config.presets import FrontSide, settings_for
from sealgate.config.presets.roundcube import ROUNDCUBE
from tests.peers.php_served import php, php_site_running
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.php_served import PhpSite

SOURCE, SETTINGS = Path("/usr/share/roundcube"), Path("/etc/roundcube")
PASSWORD = "correct horse battery staple 9"
USER = "erika"
LETTER = "From: a@example.org\r\nSubject: Findable words\r\n\r\nunfinished plans of the board\r\n"

_CONFIG = """\
<?php
$config['db_dsnw'] = 'sqlite:///{root}/temp/mails?mode=0640';
$config['imap_host'] = '127.0.0.1:{imap}';
$config['des_key'] = '0123456789abcdef01234567';
$config['plugins'] = [];
$config['enable_installer'] = true;
$config['log_dir'] = '{root}/logs/';
$config['temp_dir'] = '{root}/temp/';
"""
_DOVECOT = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
mail_uid = {owner}
mail_gid = {group}
{accounts}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    home = {folder}/mail/%{{user}}
  }}
}}
"""


@dataclass(frozen=True)
class Roundcube:
    """The installed webmail."""

    site: PhpSite
    home: str


@contextlib.contextmanager
def dovecot_running(port: int) -> Iterator[None]:
    """Serve IMAP on *port* until the block ends, to whoever knows :data:`PASSWORD`; with one letter."""
    folder = Path(tempfile.mkdtemp(prefix="sealgate-imap-"))
    folder.chmod(0o755)
    root = os.geteuid() == 0
    # Dovecot gives no mail to root, and needs no other account where it is not.
    account = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.geteuid())
    group = grp.getgrgid(account.pw_gid).gr_name
    named = ("default_internal_user", "default_login_user")
    accounts = "".join(f"{name} = {account.pw_name}\n" for name in named)
    accounts += f"default_internal_group = {group}\nfirst_valid_uid = {account.pw_uid}\n"
    inbox = folder / "mail" / USER / "new"
    inbox.mkdir(parents=True)
    (inbox / "1.letter").write_text(LETTER)
    (folder / "dovecot.conf").write_text(
        _DOVECOT.format(
            folder=folder,
            owner=account.pw_name,
            group=group,
            accounts="" if root else accounts,
            port=port,
            password=PASSWORD,
        )
    )
    if root:
        for path in (folder / "mail", *(folder / "mail").rglob("*")):
            shutil.chown(path, account.pw_uid, account.pw_gid)
    program = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
    assert program, "dovecot-imapd is not installed; see packages-debian.txt"
    command = [program, "-F", "-c", str(folder / "dovecot.conf")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        log = folder / "dovecot.log"
        assert wait_until(lambda: _answers(port)), log.read_text() if log.exists() else command
        yield
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def _lay_out(root: Path, imap: int, public_port: int) -> None:
    root.mkdir()
    (root / "config").mkdir()
    for name in ("defaults.inc.php", "mimetypes.php"):
        shutil.copy(SETTINGS / name, root / "config")
    for entry in SOURCE.iterdir():
        if entry.name == "installer":
            shutil.copytree(entry, root / "installer")
        elif entry.name != "index.php":
            (root / entry.name).symlink_to(entry)
    for script in ("index.php", "installer/index.php"):
        text = (SOURCE / script).read_text().replace("'/var/lib/roundcube/'", f"'{root}/'")
        if script == "index.php":
            text = text.replace("<?php", f"<?php define('INSTALL_PATH', '{root}/');", 1)
            text = text.replace("'program/include", f"'{root}/program/include")
        (root / script).write_text(text)
    for name in ("logs", "temp"):
        (root / name).mkdir()
    # What users attached to letters lies there while they write, and what went wrong.
    (root / "temp" / "RCMTEMPattmnt1").write_text("unfinished plans of the board")
    (root / "logs" / "sendmail").write_text("unfinished plans of the board")
    [told] = settings_for(ROUNDCUBE, FrontSide(["localhost"], port=public_port))
    config = _CONFIG.format(root=root, imap=imap)
    (root / told.file).write_text(config + told.text)
    script = "(new PDO('sqlite:' . $argv[1]))->exec(file_get_contents($argv[2]));"
    php(script, str(root / "temp" / "mails"), str(SOURCE / "SQL" / "sqlite.initial.sql"))


@contextlib.contextmanager
def roundcube_running(folder: Path, port: int, public_port: int) -> Iterator[Roundcube]:
    """
    Run Roundcube on *port* until the block ends; the world knows it as localhost:*public_port*.

    It has the settings that its preset tells, so that these are proven, too.
    """
    root, imap = folder / "site", free_port()
    _lay_out(root, imap, public_port)
    with dovecot_running(imap), php_site_running(root, port) as site:
        yield Roundcube(site, f"https://localhost:{public_port}")
