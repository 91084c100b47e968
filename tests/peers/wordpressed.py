"""A real WordPress (Debian's), installed by script in a folder of its own, on PHP and MariaDB."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.config.presets import FrontSide, settings_for
from sealgate.config.presets.wordpress import WORDPRESS
from tests.peers.php_served import mariadb_running, php, php_site_running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.php_served import PhpSite

SOURCE = Path("/usr/share/wordpress")
PASSWORD = "correct horse battery staple 9"
ADMIN, EDITOR = "boss-admin", "erika-editor"

_CONFIG = """\
<?php
define('DB_NAME', 'wp');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{socket}');
define('DB_CHARSET', 'utf8mb4');
define('AUTH_KEY', 'a{salt}');
define('SECURE_AUTH_KEY', 'b{salt}');
define('LOGGED_IN_KEY', 'c{salt}');
define('NONCE_KEY', 'd{salt}');
define('AUTH_SALT', 'e{salt}');
define('SECURE_AUTH_SALT', 'f{salt}');
define('LOGGED_IN_SALT', 'g{salt}');
define('NONCE_SALT', 'h{salt}');
$table_prefix = 'wp_';
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('DISABLE_WP_CRON', true);
{settings}
if (!defined('ABSPATH')) {{ define('ABSPATH', __DIR__ . '/'); }}
require_once ABSPATH . 'wp-settings.php';
"""

# What a small plug-in does: a contact form by both of WordPress' public doors, and one thing
# that only somebody who is signed in may do.
_PLUGIN = """\
<?php
add_filter('pre_wp_mail', '__return_true');
add_filter('comment_flood_filter', '__return_false');
add_action('xmlrpc_call', function () {});
function peer_contact() {
    add_option('peer_message_' . wp_generate_uuid4(), sanitize_text_field(wp_unslash($_POST['message'])));
    echo 'thanks, ' . sanitize_text_field(wp_unslash($_POST['message']));
    exit;
}
function peer_wipe() {
    update_option('peer_wiped', get_current_user_id());
    echo 'wiped by ' . wp_get_current_user()->user_login;
    exit;
}
add_action('admin_post_nopriv_contact', 'peer_contact');
add_action('admin_post_contact', 'peer_contact');
add_action('wp_ajax_nopriv_contact', 'peer_contact');
add_action('wp_ajax_contact', 'peer_contact');
add_action('admin_post_wipe', 'peer_wipe');
add_action('wp_ajax_wipe', 'peer_wipe');
add_action('rest_api_init', function () {
    register_rest_route('peer/v1', '/contact', [
        'methods' => 'POST',
        'permission_callback' => '__return_true',
        'callback' => fn ($request) => ['thanks' => sanitize_text_field($request['message'])],
    ]);
});
add_shortcode('contact', fn () => '<form method="post" action="'
    . esc_url(admin_url('admin-post.php')) . '"><input type="hidden" name="action" value="contact">'
    . '<textarea name="message"></textarea><button id="send">Send</button></form>');
"""

_BEGIN = """\
$_SERVER['HTTP_HOST'] = parse_url($argv[2], PHP_URL_HOST);
$_SERVER['HTTP_X_FORWARDED_PROTO'] = 'https';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
"""
_INSTALL = (
    _BEGIN
    + """\
define('WP_INSTALLING', true);
require $argv[1] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Peer', $argv[3], 'boss@example.org', true, '', $argv[5]);
update_option('permalink_structure', '/%postname%/');
update_option('comment_moderation', '0');
update_option('comment_previously_approved', '0');
"""
)
_FILL = (
    _BEGIN
    + """\
require $argv[1] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/admin.php';
$boss = get_user_by('login', $argv[3])->ID;
wp_update_user(['ID' => $boss, 'display_name' => 'The Boss']);
$erika = wp_insert_user([
    'user_login' => $argv[4], 'user_pass' => $argv[5], 'user_email' => 'erika@example.org',
    'display_name' => 'Erika', 'role' => 'editor']);
update_user_meta($erika, 'wp_persisted_preferences', ['core/edit-post' => ['welcomeGuide' => false],
    'core' => ['enableChoosePatternModal' => false], '_modified' => '2026-01-01T00:00:00.000Z']);
wp_set_current_user($boss);
$open = wp_insert_post(['post_title' => 'Open words', 'post_name' => 'open-words',
    'post_content' => 'findable words', 'post_status' => 'publish', 'comment_status' => 'open',
    'post_author' => $boss]);
$draft = wp_insert_post(['post_title' => 'Draft', 'post_content' => 'unfinished plans of the board',
    'post_status' => 'draft', 'post_author' => $boss]);
$closed = wp_insert_post(['post_title' => 'Closed', 'post_content' => 'private plans of the board',
    'post_status' => 'private', 'post_author' => $boss, 'post_name' => 'closed-words']);
$page = wp_insert_post(['post_title' => 'Contact', 'post_name' => 'contact', 'post_type' => 'page',
    'post_content' => '[contact]', 'post_status' => 'publish', 'post_author' => $boss]);
$upload = wp_upload_bits('seen.txt', null, 'public media');
flush_rewrite_rules();
[$phone] = WP_Application_Passwords::create_new_application_password($boss, ['name' => 'phone']);
$until = time() + 7 * DAY_IN_SECONDS;
$token = WP_Session_Tokens::get_instance($boss)->create($until);
echo json_encode([
    'posts' => ['open' => $open, 'draft' => $draft, 'closed' => $closed],
    'media' => parse_url($upload['url'], PHP_URL_PATH),
    'boss' => $boss,
    'password' => $phone,
    'hash' => COOKIEHASH,
    'cookies' => [
        LOGGED_IN_COOKIE => wp_generate_auth_cookie($boss, $until, 'logged_in', $token),
        SECURE_AUTH_COOKIE => wp_generate_auth_cookie($boss, $until, 'secure_auth', $token),
        AUTH_COOKIE => wp_generate_auth_cookie($boss, $until, 'auth', $token)]]);
"""
)


_STATE = """\
SELECT ID, user_login, user_pass, user_email FROM wp_users ORDER BY ID;
SELECT user_id, meta_value FROM wp_usermeta
    WHERE meta_key = 'wp_capabilities' ORDER BY umeta_id;
SELECT option_name, option_value FROM wp_options WHERE option_name IN (
    'blogname', 'blogdescription', 'active_plugins', 'siteurl', 'home', 'admin_email', 'template',
    'stylesheet', 'default_role', 'users_can_register', 'peer_wiped') ORDER BY option_name;
SELECT ID, post_title, post_status, MD5(post_content) FROM wp_posts
    WHERE post_status <> 'auto-draft' AND post_type IN ('post', 'page', 'attachment') ORDER BY ID;
SELECT COUNT(*) FROM wp_usermeta
    WHERE meta_key = '_application_passwords' AND meta_value LIKE '%"mine"%';
"""


@dataclass(frozen=True)
class WordPress:
    """
    The installed site, and what a thief could hold: an application password, a session.

    *root* is the folder of its scripts. *posts* are the numbers of a public, an unfinished and a
    private one; *media* is the path of a public file.
    """

    site: PhpSite
    root: Path
    home: str
    socket: Path
    posts: dict[str, int]
    media: str
    boss: int
    password: str
    hash: str
    cookies: dict[str, str]

    def query(self, sql: str) -> str:
        """Return what the database says, a row a line."""
        command = ["mariadb", "--no-defaults", "-N", "-B", "-S", str(self.socket)]
        done = subprocess.run(
            [*command, "-uroot", "wp", "-e", sql], capture_output=True, text=True, check=True
        )
        return done.stdout

    def state(self) -> str:
        """Return all that somebody would change who came in by a back door."""
        return self.query(_STATE)


@contextlib.contextmanager
def wordpress_running(
    folder: Path, port: int, public_port: int, below: str = ""
) -> Iterator[WordPress]:
    """
    Run WordPress on *port* until the block ends; the world knows it as localhost:*public_port*.

    It lies *below* this folder of its site (``/blog``), and has the settings that its preset
    tells, so that these are proven, too.
    """
    site_root = folder / "site"
    root = site_root.joinpath(*below.split("/"))
    shutil.copytree(SOURCE, root, ignore=shutil.ignore_patterns("wp-config.php", ".htaccess"))
    (root / "wp-content" / "mu-plugins").mkdir()
    (root / "wp-content" / "mu-plugins" / "peer.php").write_text(_PLUGIN)
    (root / "wp-content" / "uploads").mkdir()
    address = f"https://localhost:{public_port}"
    home = f"{address}{below}"
    [settings] = settings_for(WORDPRESS, FrontSide(["localhost"], port=public_port))
    with contextlib.ExitStack() as held:
        socket = held.enter_context(mariadb_running())
        told_settings = settings.text.replace(f"'{address}'", f"'{home}'")
        text = _CONFIG.format(socket=socket, salt="salt" * 12, settings=told_settings)
        (root / "wp-config.php").write_text(text)
        subprocess.run(
            ["mariadb", "--no-defaults", "-S", str(socket), "-uroot", "-e", "CREATE DATABASE wp"],
            check=True,
        )
        words = (str(root), home, ADMIN, EDITOR, PASSWORD)
        php(_INSTALL, *words)
        told = json.loads(php(_FILL, *words))
        front = f"{below}/index.php?$args"
        site = held.enter_context(php_site_running(site_root, port, front=front))
        yield WordPress(site=site, root=root, home=home, socket=socket, **told)


@contextlib.contextmanager
def plain_permalinks(wordpress: WordPress) -> Iterator[None]:
    """Run the site without pretty addresses until the block ends."""
    _set_permalinks(wordpress, "")
    try:
        yield
    finally:
        _set_permalinks(wordpress, "/%postname%/")


def _set_permalinks(wordpress: WordPress, structure: str) -> None:
    script = """\
require $argv[1] . '/wp-load.php';
global $wp_rewrite;
$wp_rewrite->set_permalink_structure($argv[3]);
$wp_rewrite->flush_rules();
"""
    php(_BEGIN + script, str(wordpress.root), wordpress.home, structure)
