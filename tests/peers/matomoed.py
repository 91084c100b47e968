"""A real Matomo (Debian's) in a folder of its own, laid out as upstream does, on PHP and MariaDB."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.config.presets import FrontSide, settings_for
from sealgate.config.presets.matomo import MATOMO
from tests.peers.php_served import mariadb_running, php, php_site_running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.php_served import PhpSite

SOURCE = Path("/usr/share/matomo")
PASSWORD = "correct horse battery staple 9"
ADMIN, VIEWER = "boss", "erika"

_CONFIG = """\
; <?php exit; ?> DO NOT REMOVE THIS LINE
[database]
host = ""
unix_socket = "{socket}"
username = "root"
password = ""
dbname = "matomo"
tables_prefix = "m_"
charset = "utf8mb4"
collation = "utf8mb4_general_ci"
{settings}salt = "0123456789abcdef0123456789abcdef"
login_allow_logme = 1
password_hash_algorithm = argon2id
password_hash_argon2_threads = 1
password_hash_argon2_memory_cost = 8
password_hash_argon2_time_cost = 1
enable_internet_features = 0
"""
_INSTALL = """\
define('PIWIK_DOCUMENT_ROOT', $argv[1]);
define('PIWIK_PRINT_ERROR_BACKTRACE', false);
require $argv[1] . '/vendor_config.php';
require $argv[1] . '/core/bootstrap.php';
use Piwik\\Access, Piwik\\DbHelper;
(new Piwik\\Application\\Environment('cli'))->init();
Piwik\\Plugin\\Manager::getInstance()->loadActivatedPlugins();
DbHelper::createTables();
DbHelper::createAnonymousUser();
DbHelper::recordInstallVersion();
Access::doAsSuperUser(function () {
    Piwik\\Plugin\\Manager::getInstance()->installLoadedPlugins();
    $updater = new Piwik\\Updater();
    $components = $updater->getComponentUpdates();
    if ($components) { $updater->updateComponents($components); }
});
Piwik\\Updater::recordComponentSuccessfullyUpdated('core', Piwik\\Version::VERSION);
$told = Access::doAsSuperUser(function () use ($argv) {
    $updated = new Piwik\\Plugins\\UsersManager\\UserUpdater();
    $model = new Piwik\\Plugins\\UsersManager\\Model();
    $hash = Piwik\\Plugins\\UsersManager\\UsersManager::getPasswordHash($argv[4]);
    foreach ([$argv[2], $argv[3]] as $name) {
        $kept = (new Piwik\\Auth\\Password())->hash($hash);
        $model->addUser($name, $kept, "$name@example.org", '2026-01-01 00:00:00');
    }
    $updated->setSuperUserAccessWithoutCurrentPassword($argv[2], true);
    $sites = Piwik\\Plugins\\SitesManager\\API::getInstance();
    $site = $sites->addSite('Shop of the board', ['https://shop.example']);
    $model->addUserAccess($argv[3], 'view', [$site]);
    $tokens = [];
    foreach ([$argv[2], $argv[3]] as $name) {
        $token = $model->generateRandomTokenAuth();
        $model->addTokenAuth($name, $token, 'phone', '2026-01-01 00:00:00');
        $tokens[$name] = $token;
    }
    return ['site' => $site, 'tokens' => $tokens];
});
echo json_encode($told);
"""


@dataclass(frozen=True)
class Matomo:
    """The installed site, and what a thief could hold: tokens by whose they are."""

    site: PhpSite
    home: str
    socket: Path
    number: int
    tokens: dict[str, str]

    def query(self, sql: str) -> str:
        """Return what the database says, a row a line."""
        command = ["mariadb", "--no-defaults", "-N", "-B", "-S", str(self.socket)]
        done = subprocess.run(
            [*command, "-uroot", "matomo", "-e", sql], capture_output=True, text=True, check=True
        )
        return done.stdout

    def state(self) -> str:
        """Return all that somebody would change who came in by a back door."""
        return self.query(
            "SELECT login, password, email, superuser_access FROM m_user ORDER BY 1;"
            "SELECT login, idsite, access FROM m_access ORDER BY 1, 2, 3;"
            "SELECT login, password FROM m_user_token_auth ORDER BY 1, 2;"
            "SELECT idsite, name, main_url FROM m_site ORDER BY 1;"
            "SELECT option_name FROM m_option WHERE option_name LIKE '%reset%' ORDER BY 1;"
        )


def _laid_out(root: Path) -> None:
    # As upstream lays it out; Debian serves the folder "public" of it.
    root.mkdir()
    for entry in SOURCE.iterdir():
        if entry.name not in {"config", "public", "tmp"}:
            (root / entry.name).symlink_to(entry)
    (root / "vendor_config.php").unlink()
    text = (SOURCE / "vendor_config.php").read_text()
    (root / "vendor_config.php").write_text(text.replace("/var/cache/matomo", str(root)))
    shutil.copytree(SOURCE / "config", root / "config")
    for entry in (SOURCE / "public").iterdir():
        if entry.is_dir() and entry.name != "plugins":
            shutil.copytree(entry, root / entry.name)
        elif entry.is_file():
            text = entry.read_text()
            (root / entry.name).write_text(text.replace("/../vendor_config", "/vendor_config"))
    for name in ("tmp/logs", "tmp/sessions", "tmp/cache"):
        (root / name).mkdir(parents=True)
    (root / "tmp/logs/matomo.txt").write_text("unfinished plans of the board")


@contextlib.contextmanager
def matomo_running(folder: Path, port: int, public_port: int) -> Iterator[Matomo]:
    """
    Run Matomo on *port* until the block ends; the world knows it as localhost:*public_port*.

    It has the settings that its preset tells, so that these are proven, too.
    """
    root = folder / "site"
    _laid_out(root)
    told = settings_for(MATOMO, FrontSide(["localhost"], port=public_port))
    settings = {snippet.file: snippet.text for snippet in told}
    with contextlib.ExitStack() as held:
        socket = held.enter_context(mariadb_running())
        config = _CONFIG.format(socket=socket, settings=settings["config/config.ini.php"])
        (root / "config" / "config.ini.php").write_text(config)
        (root / "bootstrap.php").write_text(settings["bootstrap.php"])
        command = ["mariadb", "--no-defaults", "-S", str(socket), "-uroot"]
        subprocess.run([*command, "-e", "CREATE DATABASE matomo"], check=True)
        made = json.loads(php(_INSTALL, str(root), ADMIN, VIEWER, PASSWORD))
        site = held.enter_context(php_site_running(root, port))
        yield Matomo(site, f"https://localhost:{public_port}", socket, made["site"], made["tokens"])
