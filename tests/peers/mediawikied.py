"""A real MediaWiki (Debian's), installed by script with SQLite in a folder of its own, on PHP."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from sealgate.config.presets import FrontSide, settings_for
from sealgate.config.presets.mediawiki import MEDIAWIKI
from tests.peers.php_served import php_site_running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.peers.php_served import PhpSite

SOURCE = Path("/usr/share/mediawiki")
PASSWORD = "correct horse battery staple 9"
ADMIN, EDITOR = "Boss", "Erika"
BOT, BOT_PASSWORD = "Boss@phone", "a" * 32

# Beside what the installer writes: a wiki as organisations run one, with uploads. The last part
# lets in by a header and by a parameter, as Extension:OAuth and Extension:CentralAuth do.
_MORE = """
$wgArticlePath = '/wiki/$1';
$wgUsePathInfo = true;
$wgEnableUploads = true;
$wgUploadDirectory = '{folder}/images';
$wgUploadPath = '/images';
$wgUseImageMagick = false;
$wgEnableEmail = false;
$wgShowExceptionDetails = true;
$wgCacheDirectory = '{folder}/cache';
$wgJobRunRate = 0;
$wgRateLimits = [];
$wgPasswordAttemptThrottle = false;
$wgFileExtensions[] = 'txt';
$wgVerifyMimeType = false;
if (($_SERVER['HTTP_X_PEER_LANGUAGE'] ?? '') !== '') {{
    $wgLanguageCode = $_SERVER['HTTP_X_PEER_LANGUAGE'];
}}
class PeerTokens extends MediaWiki\\Session\\ImmutableSessionProviderWithCookie {{
    public function provideSessionInfo(MediaWiki\\Request\\WebRequest $request) {{
        $sent = $request->getHeader('Authorization') ?: $request->getRawVal('centralauthtoken');
        if (!in_array($sent, ['Bearer {bearer}', 'OAuth oauth_token="{bearer}"', '{bearer}'], true)) {{
            return null;
        }}
        return new MediaWiki\\Session\\SessionInfo(MediaWiki\\Session\\SessionInfo::MAX_PRIORITY, [
            'provider' => $this, 'id' => $this->hashToSessionId($sent, 'k'), 'persisted' => true,
            'userInfo' => MediaWiki\\Session\\UserInfo::newFromName('{admin}', true),
            'forceUse' => true]);
    }}
    public function newSessionInfo($id = null) {{ return null; }}
    public function persistSession(
        MediaWiki\\Session\\SessionBackend $session, MediaWiki\\Request\\WebRequest $request
    ) {{ }}
}}
$wgSessionProviders['peer'] = ['class' => PeerTokens::class];
"""
TOKEN = "a-token-of-an-administrator"


@dataclass(frozen=True)
class MediaWiki:
    """The installed wiki, and what a thief could hold: a session, a bot's session."""

    site: PhpSite
    home: str
    folder: Path
    session: dict[str, str]
    bot_session: dict[str, str]

    def query(self, sql: str) -> str:
        """Return what the database says, a row a line."""
        script = (
            "$d = new PDO('sqlite:' . $argv[1]); foreach ($d->query($argv[2], PDO::FETCH_NUM) as $r)"
            '{ echo implode("|", $r), "\\n"; }'
        )
        done = subprocess.run(
            ["php", "-r", script, "--", str(self.folder / "db" / "my_wiki.sqlite"), sql],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def state(self) -> str:
        """Return all that somebody would change who came in by a back door."""
        return "\n".join(
            self.query(sql)
            for sql in (
                "SELECT user_id, user_name, user_password, user_email FROM user ORDER BY 1",
                "SELECT ug_user, ug_group FROM user_groups ORDER BY 1, 2",
                "SELECT page_namespace, page_title, page_latest FROM page ORDER BY page_id",
                "SELECT img_name, img_sha1 FROM image ORDER BY 1",
                "SELECT pr_page, pr_type, pr_level FROM page_restrictions ORDER BY 1, 2",
                "SELECT bp_user, bp_app_id, bp_grants FROM bot_passwords ORDER BY 1, 2",
            )
        )


def _installed(folder: Path, home: str, public_port: int) -> Path:
    # Returns the settings.
    command = ["php", str(SOURCE / "maintenance" / "run.php"), "install", "--dbtype", "sqlite"]
    command += ["--dbpath", str(folder / "db"), "--server", home, "--scriptpath", ""]
    command += ["--pass", PASSWORD, "--confpath", str(folder), "Peer", ADMIN]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("images", "cache"):
        (folder / name).mkdir()
    settings = folder / "LocalSettings.php"
    [told] = settings_for(MEDIAWIKI, FrontSide(["localhost"], port=public_port))
    more = _MORE.format(folder=folder, bearer=TOKEN, admin=ADMIN)
    settings.write_text(f"{settings.read_text()}{told.text}{more}")
    return settings


def _maintained(settings: Path, *words: str, given: str = "") -> None:
    done = subprocess.run(
        ["php", str(SOURCE / "maintenance" / "run.php"), *words],
        capture_output=True,
        text=True,
        check=False,
        input=given,
        env={"PATH": "/usr/bin:/bin", "MW_CONFIG_FILE": str(settings)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def bare_client(wiki_port: int, public_port: int) -> httpx.Client:
    """Return a client of the bare wiki, which speaks as the gateway would."""
    headers = {"Host": f"localhost:{public_port}", "X-Forwarded-Proto": "https"}
    return httpx.Client(base_url=f"http://127.0.0.1:{wiki_port}", headers=headers, timeout=30)


def _signed_in(port: int, public_port: int, name: str, password: str) -> dict[str, str]:
    with bare_client(port, public_port) as client:
        told, token = login_token(client)
        fields = {"action": "login", "format": "json", "lgname": name, "lgpassword": password}
        done = client.post(
            "/api.php", data={**fields, "lgtoken": token}, headers={"Cookie": joined(told)}
        )
        assert "Success" in done.text, done.text
        told.update(_cookies(done))
        return told


def joined(cookies: Mapping[str, str]) -> str:
    """Return *cookies* as a client sends them."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def login_token(
    client: httpx.Client, kind: str = "login", **sent: str
) -> tuple[dict[str, str], str]:
    """Return the cookies that the wiki then sets, and a token of *kind*; *sent* are headers."""
    # The cookies are Secure, and this connection is not: the client does not keep them.
    asked = {"action": "query", "meta": "tokens", "type": kind, "format": "json"}
    told = client.get("/api.php", params=asked, headers=sent)
    return _cookies(told), str(told.json()["query"]["tokens"][f"{kind}token"])


def _cookies(answer: httpx.Response) -> dict[str, str]:
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        if value and value != "deleted":
            found[name] = value
    return found


@contextlib.contextmanager
def mediawiki_running(folder: Path, port: int, public_port: int) -> Iterator[MediaWiki]:
    """Run MediaWiki on *port* until the block ends; the world knows it as localhost:*public_port*."""
    home = f"https://localhost:{public_port}"
    settings = _installed(folder, home, public_port)
    _maintained(settings, "createAndPromote", EDITOR, PASSWORD)
    _maintained(
        settings,
        "createBotPassword",
        *("--appid", "phone", "--grants", "basic,editpage,createeditmovepage", ADMIN, BOT_PASSWORD),
    )
    _maintained(settings, "edit", "Open_words", given="findable words")
    root = folder / "root"
    root.mkdir()
    for entry in SOURCE.iterdir():
        if entry.name not in {"images", "LocalSettings.php"}:
            (root / entry.name).symlink_to(entry)
    (root / "images").symlink_to(folder / "images")
    environment = {"MW_CONFIG_FILE": str(settings)}
    with php_site_running(root, port, environment=environment) as site:
        yield MediaWiki(
            site=site,
            home=home,
            folder=folder,
            session=_signed_in(port, public_port, ADMIN, PASSWORD),
            bot_session=_signed_in(port, public_port, BOT, BOT_PASSWORD),
        )
