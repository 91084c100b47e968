"""A real DokuWiki (Debian's) in a folder of its own, laid out as upstream does, on PHP."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.config.presets import FrontSide, settings_for
from sealgate.config.presets.dokuwiki import DOKUWIKI
from tests.peers.php_served import php, php_site_running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.php_served import PhpSite

SOURCE, SETTINGS = Path("/usr/share/dokuwiki"), Path("/etc/dokuwiki")
# The folders below "data"; Debian's own ones are for its web server alone.
_FOLDERS = ("attic", "cache", "index", "locks", "log", "media_attic", "media_meta", "meta", "tmp")
PASSWORD = "correct horse battery staple 9"
ADMIN, EDITOR = "boss", "erika"
MAILED = "b0a7" * 8  # what a mail for a new password holds

# Beside what the preset tells, where the configuration manager changes nothing.
_MORE = """\
$conf['useacl'] = 1;
$conf['userewrite'] = 2;
$conf['useslash'] = 1;
$conf['superuser'] = '@admin';
$conf['updatecheck'] = 0;
$conf['autopasswd'] = 0;
$conf['disableactions'] = '';
$conf['remote'] = 1;
$conf['remoteuser'] = '';
$conf['savedir'] = DOKU_INC . 'data';
"""
_RULES = "*\t@ALL\t1\n*\t@user\t8\nopen:*\t@ALL\t4\nclosed:*\t@ALL\t0\nclosed:*\t@user\t0\n"
_PAGES = {
    "start": "====== Welcome ======\nfindable words {{seen.png}}",
    "notes.log": "a page with the name of a leftover",
    "closed/plans": "unfinished plans of the board",
    "open/talk": "what visitors say",
}
_MEDIA = {"seen.png": "png", "gone.png": "png", "closed/plan.txt": "the board's own file"}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d4944415478da63fcffff3f030005fe02fea735819b0000000049454e44ae426082"
)


@dataclass(frozen=True)
class DokuWiki:
    """The installed wiki."""

    site: PhpSite
    home: str

    @property
    def token(self) -> str:
        """Return the token of the administrator that a thief could hold."""
        [file] = (self.site.root / "data" / "cache").rglob("*.token")
        return file.read_text()

    def state(self) -> str:
        """Return all that somebody would change who came in by a back door."""
        files = [self.site.root / "conf" / f"{name}.auth.php" for name in ("users", "acl")]
        files += (self.site.root / "conf").glob("*local.php")
        for kind in ("pages", "media", "attic"):
            files += (self.site.root / "data" / kind).rglob("*.*")
        return "\n".join(f"{file}: {file.read_bytes()!r}" for file in sorted(files))

    def mail(self) -> None:
        """Put down what DokuWiki puts down when it mails the word for a new password of the editor."""
        folder = self.site.root / "data" / "cache" / MAILED[0]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{MAILED}.pwauth").write_text(EDITOR)


def _settle(root: Path, public_port: int) -> None:
    conf, data = root / "conf", root / "data"
    shutil.copytree(SOURCE, root, ignore=shutil.ignore_patterns(".htaccess*"))
    # Debian's own links to people and their rights, which lead nowhere here.
    shutil.copytree(
        SETTINGS, conf, ignore=shutil.ignore_patterns("*.auth.php", ".htaccess", "htaccess")
    )
    for name in _FOLDERS:
        (data / name).mkdir(parents=True)
    (root / "inc" / "preload.php").write_text("<?php define('DOKU_CONF', DOKU_INC . 'conf/');\n")
    (conf / "local.php").write_text("<?php\n$conf['title'] = 'Peer';\n")
    front = FrontSide(["localhost"], port=public_port)
    for told in settings_for(DOKUWIKI, front):
        more = _MORE if told.file.endswith(".php") else ""
        (root / told.file).write_text(told.text + more)
    hashed = php("echo password_hash($argv[1], PASSWORD_BCRYPT, ['cost' => 4]);", PASSWORD)
    guard = "# <?php exit()?>\n"
    people = f"{ADMIN}:{hashed}:The Boss:boss@example.org:admin,user\n"
    people += f"{EDITOR}:{hashed}:Erika:erika@example.org:user\n"
    (conf / "users.auth.php").write_text(f"{guard}{people}")
    (conf / "acl.auth.php").write_text(f"{guard}{_RULES}")
    for name, text in _PAGES.items():
        page = data / "pages" / f"{name}.txt"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    for name, text in _MEDIA.items():
        file = data / "media" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(PIXEL if text == "png" else text.encode())
    script = """\
define('DOKU_INC', $argv[1] . '/');
define('NOSESSION', 1);
require DOKU_INC . 'inc/init.php';
dokuwiki\\JWT::fromUser($argv[2]);
"""
    php(script, str(root), ADMIN)


@contextlib.contextmanager
def dokuwiki_running(folder: Path, port: int, public_port: int) -> Iterator[DokuWiki]:
    """
    Run DokuWiki on *port* until the block ends; the world knows it as localhost:*public_port*.

    It has the settings that its preset tells, so that these are proven, too.
    """
    root = folder / "site"
    _settle(root, public_port)
    with php_site_running(root, port, front="/doku.php?id=$uri&$args") as site:
        yield DokuWiki(site, f"https://localhost:{public_port}")
