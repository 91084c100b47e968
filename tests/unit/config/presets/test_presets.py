"""What presets lock, what they leave open, and what they tell the CMS."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from sealgate.config.parse import parse
from sealgate.config.presets import PRESETS, FrontSide, Preset, front_of, settings_for
from sealgate.errors import ConfigError
from sealgate.gateway.guarantees import guaranteed, refusals
from sealgate.gateway.model import (
    CertificateFiles,
    Material,
    asks_for_key,
    needs_grants,
    signs_in,
)
from sealgate.policy.conditions import Request
from sealgate.policy.evaluate import evaluate
from sealgate.policy.inventory import Address, Listen, Route, Site
from sealgate.policy.requirements import declared, is_highly_encrypted, required_of_site
from sealgate.policy.routing import RouteRefusal, judge

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())

SITE = """\
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[[site]]
domains = ["shop.example", "www.shop.example"]
upstream = "{upstream}"
preset = "{preset}"
[[site.route]]
path = "/"
class = "public"
"""
LOCK = """\
[[site.route]]
path = "{path}"
class = "{class_id}"
backend = true
admit = ["{admit}"]
"""


def site_of(preset: str, more: str = "", upstream: str = "http://127.0.0.1:8080") -> Site:
    """Return a site with *preset* and *more* routes."""
    text = SITE.format(preset=preset, upstream=upstream) + more
    (site,) = parse(text, "sealgate.toml").sites
    return site


def landed(site: Site, target: str) -> Route | None:
    """Return the route that *target* may reach, ``None`` when it is refused."""
    judged = judge(site.routes, Request(target))
    return None if isinstance(judged, RouteRefusal) else judged


@pytest.mark.parametrize(
    ("preset", "target"),
    [
        ("typo3", "/typo3"),
        ("typo3", "/typo3/"),
        ("typo3", "/typo3/login?x=1"),
        ("typo3", "/typo3/install.php"),
        ("typo3", "/?__typo3_install"),
        ("typo3", "/index.php?__typo3_install"),
        ("typo3", "/any/page?a=b&__typo3_install=1"),
        ("typo3", "/typo3/sysext/core/Classes/Core.php"),
        ("wordpress", "/wp-admin"),
        ("wordpress", "/wp-admin/options.php"),
        ("wordpress", "/wp-login.php?action=lostpassword"),
        ("wordpress", "/xmlrpc.php"),
        ("wordpress", "/wp-json/wp/v2/users/1"),
        ("wordpress", "/?rest_route=/wp/v2/users/1"),
        ("wordpress", "/blog/wp-login.php"),
        ("wordpress", "/network/blog/wp-admin/users.php"),
        ("wordpress", "/en/author/boss/"),
        ("wordpress", "/wp-sitemap-users-02.xml"),
        # RFC 3875, 4.1.5: the script runs, and what looks like a hole is its PATH_INFO.
        ("wordpress", "/xmlrpc.php/wp-admin/admin-ajax.php"),
        ("wordpress", "/xmlrpc.php/x/wp-admin/admin-post.php"),
        ("wordpress", "/blog/xmlrpc.php/wp-admin/admin-ajax.php"),
        ("wordpress", "/wp-login.php/wp-admin/admin-ajax.php"),
        ("wordpress", "/wp-mail.php;/wp-admin/admin-ajax.php"),
        ("wordpress", "/wp-admin/install.php/wp-admin/admin-ajax.php"),
        ("wordpress", "/wp-admin/wp-admin/admin-ajax.php"),
        ("wordpress", "/author/boss/wp-admin/admin-ajax.php"),
        # WooCommerce takes keys wherever a parameter holds the words of its API.
        ("wordpress", "/wp-admin/admin-ajax.php?x=wp-json/wc/&consumer_key=ck"),
        ("wordpress", "/wp-admin/admin-post.php?oauth_consumer_key=ck"),
        ("wordpress", "/wp-comments-post.php?consumer_key=ck"),
        ("django", "/admin/login/"),
        ("django", "/en/admin/login/"),
        ("wagtail", "/de/django-admin/"),
        ("nextcloud", "/settings/admin/security"),
        ("nextcloud", "/index.php/settings/users"),
        ("nextcloud", "/settings/apps"),
        ("nextcloud", "/updater/index.php"),
        ("mediawiki", "/wiki/Special:UserLogin"),
        ("mediawiki", "/index.php?title=Special:UserLogin&returnto=Main+Page"),
        ("mediawiki", "/w/mw-config/index.php"),
        ("dokuwiki", "/doku.php?id=start&do=login"),
        ("dokuwiki", "/doku.php/start?id=x&do=resendpwd"),
        ("dokuwiki", "/install.php"),
        ("dokuwiki", "/dokuwiki/lib/exe/xmlrpc.php"),
        ("dokuwiki", "/dokuwiki/data/pages/start.txt"),
        ("dokuwiki", "/help/lib/exe/jsonrpc.php/core.login"),
        ("dokuwiki", "/wiki/conf/users.auth.php"),
        ("dokuwiki", "/feed.php?u=a&p=b"),
        ("dokuwiki", "/wiki/doku.php?do=l-ogin&u=a&p=b"),
        ("matomo", "/index.php?module=Login"),
        ("matomo", "/?module=API&method=X.y"),
        ("matomo", "/anything?token_auth=x"),
        ("matomo", "/matomo/index.php?login=a&password=b"),
        ("matomo", "/config/config.ini.php"),
        ("matomo", "/matomo/tmp/sessions/sess_1"),
        ("roundcube", "/installer/index.php?_step=2"),
        ("roundcube", "/roundcube/temp/RCMTEMPattmnt1"),
        ("roundcube", "/program/lib/Roundcube/rcube.php"),
        ("roundcube", "/webmail/installer/index.php"),
    ],
)
def test_a_door_is_locked(preset: str, target: str) -> None:
    """A request for a door is served by the locked route and by no other."""
    route = landed(site_of(preset), target)

    assert route is not None
    assert route.shut
    assert route.classification.id == "confidential"


@pytest.mark.parametrize("path", ["/remote.php/dav/files/alice/report.log", "/remote.php/dav"])
def test_a_file_by_any_name_is_locked_with_a_password(path: str) -> None:
    """Paths on which names tell nothing keep the conditions of the doors there."""
    request = Request(path, headers=(("authorization", "Basic eDp5"),))
    judged = judge(site_of("nextcloud").routes, request)

    assert isinstance(judged, Route)
    assert judged.shut


@pytest.mark.parametrize("target", ["/.env", "/data/nextcloud.log", "/remote.php/../backup.sql"])
def test_leftovers_beside_the_files_of_people_are_refused(target: str) -> None:
    """Where no name of theirs stands, an ending tells what lies there."""
    assert landed(site_of("nextcloud"), target) is None


def test_the_declared_backend_tells_where_the_cms_lies() -> None:
    """Its doors are written out there, at any depth, and only its own scripts are besides."""
    lock = LOCK.format(path="/a/b/c/wp-admin", class_id="confidential", admit="group:editors")
    site = site_of("wordpress", lock)
    paths = {route.door.path for route in site.routes if route.backend}
    besides = {path for route in site.routes for path in route.door.besides}

    assert {"/a/b/c/wp-login.php", "/a/b/c/author", "/wp-login.php", "/*/wp-login.php"} <= paths
    assert {path.rpartition("/wp-")[0].removesuffix("/wp-admin") for path in besides} == {"/a/b/c"}
    assert landed(site, "/a/b/c/wp-comments-post.php?author=1") is not None
    assert landed(site, "/a/b/c/wp-admin/admin-ajax.php") is not None


@pytest.mark.parametrize("folder", ["/blog", "/a/blog", "/a/b/c"])
def test_a_hole_is_written_out_where_the_cms_lies(folder: str) -> None:
    """It opens itself there, and nothing in other folders nor behind the CMS' scripts."""
    lock = LOCK.format(path=f"{folder}/wp-admin", class_id="confidential", admit="group:editors")
    site = site_of("wordpress", lock)

    for script in ("/wp-admin/admin-ajax.php", "/wp-admin/admin-post.php"):
        opened = landed(site, f"{folder}{script}")
        assert opened is not None
        assert opened.classification.id == "public"
        for other in (
            "/elsewhere",
            f"{folder}/xmlrpc.php",
            f"/xmlrpc.php{folder}",
            "/wp-login.php",
        ):
            kept = landed(site, f"{other}{script}")
            assert kept is None or kept.backend, other


@pytest.mark.parametrize("target", ["/wp-admin/admin-ajax.php", "/x/wp-admin/admin-post.php"])
def test_no_hole_opens_a_locked_folder(target: str) -> None:
    """What the operator locked is not opened by a script that the preset would leave open elsewhere."""
    lock = LOCK.format(path="/intern", class_id="confidential", admit="group:staff")
    opened = landed(site_of("wordpress", lock), f"/intern{target}")

    assert opened is None or opened.classification.id == "confidential"


@pytest.mark.parametrize(
    ("preset", "main", "door"),
    [
        ("wordpress", "/wp-admin", "/wp-login.php"),
        ("wordpress", "/wp-admin", "/x/author/boss"),
        ("wordpress", "/wp-admin", "/wp-sitemap-users-7.xml"),
        ("django", "/admin", "/admin/"),
    ],
)
@pytest.mark.parametrize(
    ("class_id", "admit"), [("secret", ("group:board",)), ("confidential", ())]
)
def test_no_door_weakens_a_stricter_folder(
    preset: str, main: str, door: str, class_id: str, admit: tuple[str, ...]
) -> None:
    """A stricter folder keeps its lock; where two equal ones admit others, nobody is let in by guess."""
    folder = LOCK.format(path="/intern", class_id=class_id, admit="group:board")
    backend = LOCK.format(path=main, class_id="confidential", admit="group:editors")
    site = site_of(preset, folder + backend)
    inside, outside = landed(site, f"/intern{door}"), landed(site, f"/blog{door}")

    assert inside is not None
    assert (inside.classification.id, inside.admit) == (class_id, admit)
    assert inside.shut is not bool(admit)
    assert outside is not None
    assert (outside.classification.id, outside.admit) == ("confidential", ("group:editors",))


def test_a_public_folder_opens_no_door() -> None:
    """What is called like a door is locked there, too."""
    public = '[[site.route]]\npath = "/blog"\nclass = "public"\n'
    assert all(
        (route := landed(site_of("wordpress", public), target)) is not None and route.shut
        for target in ("/blog/wp-login.php", "/blog/x/author/boss", "/blog/wp-admin/x")
    )


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_no_hole_begins_with_any_folder(preset: Preset) -> None:
    """Any folder may be a locked one, or a script."""
    assert [hole.path for hole in preset.holes if hole.path.startswith("/*")] == []


@pytest.mark.parametrize(
    ("preset", "path", "folders"),
    [
        ("wordpress", "/wp-admin", {""}),
        ("wordpress", "/*/wp-admin", {""}),
        ("wordpress", "/my-wp-admin", {""}),
        ("wordpress", "/blog/wp-admin", {"/blog"}),
    ],
)
def test_where_forms_are_open_by_what_is_declared(
    preset: str, path: str, folders: set[str]
) -> None:
    """Without a folder that is told, scripts count as such at the root alone."""
    lock = LOCK.format(path=path, class_id="confidential", admit="group:editors")
    besides = {path for r in site_of(preset, lock).routes for path in r.door.besides}

    assert {path.partition("/wp-")[0] for path in besides} == folders


def test_a_backend_path_below_a_folder_leaves_the_other_doors() -> None:
    """It says where the CMS lies, not that its backend is called otherwise."""
    text = SITE.format(preset="wordpress", upstream="http://127.0.0.1:8080")
    at = 'preset = "wordpress"\n'
    (site,) = parse(text.replace(at, f'{at}backend_path = "/blog/wp-admin"\n'), "x").sites
    paths = {route.door.path for route in site.routes if route.backend}

    assert {"/wp-admin", "/*/wp-admin", "/blog/wp-admin", "/blog/wp-login.php"} <= paths
    (moved,) = parse(text.replace(at, f'{at}backend_path = "/intern"\n'), "x").sites
    paths = {route.door.path for route in moved.routes if route.backend}
    assert {"/intern", "/*/intern", "/*/*/intern", "/*/wp-login.php"} <= paths
    assert not any(path.endswith("/wp-admin") for path in paths)


def test_doors_ask_for_the_factors_of_the_declared_backend() -> None:
    """What people sign in with at one door opens the others, and no door is weaker than that."""
    lock = LOCK.format(path="/wp-admin", class_id="confidential", admit="group:editors")
    site = site_of("wordpress", f'{lock}access = "high"\n')
    doors = [route for route in site.routes if route.backend]

    assert len(doors) > 3
    assert {(r.admit, r.sign_in, r.classification.id) for r in doors} == {
        (("group:editors",), True, "confidential")
    }


@pytest.mark.parametrize(
    ("preset", "target"),
    [
        ("typo3", "/typo3temp/assets/site.css"),
        ("typo3", "/typo3conf/ext/site/Resources/Public/site.js"),
        ("typo3", "/typo3/sysext/felogin/Resources/Public/Css/login.css"),
        ("typo3", "/?id=7&type=98"),
        ("wordpress", "/wp-admin/admin-ajax.php?action=x"),
        ("wordpress", "/wp-admin/admin-post.php"),
        ("wordpress", "/wp-comments-post.php?author=1"),
        ("wordpress", "/wp-content/themes/x/style.css"),
        ("wordpress", "/wp-includes/js/jquery.js"),
        ("wordpress", "/wp-json/wp/v2/posts"),
        ("wordpress", "/?rest_route=/wp/v2/posts"),
        ("django", "/administration/"),
        ("django", "/static/admin/css/base.css"),
        ("nextcloud", "/index.php/apps/files"),
        ("nextcloud", "/remote.php/dav/files/anna/a.txt"),
        # People name their own files.
        ("nextcloud", "/remote.php/dav/files/alice/report.log"),
        ("nextcloud", "/remote.php/webdav/thesis/.gitignore"),
        ("nextcloud", "/public.php/dav/files/TOKEN/backup.sql"),
        ("nextcloud", "/index.php/s/TOKEN/download/notes.txt.bak"),
        ("nextcloud", "/settings/user"),
        ("mediawiki", "/wiki/Main_Page"),
        ("mediawiki", "/load.php?modules=startup"),
        ("dokuwiki", "/doku.php?id=start&do=export_raw"),
        ("dokuwiki", "/dokuwiki/lib/exe/fetch.php/dump.sql"),
        ("dokuwiki", "/doku.php/notes.log"),
        ("dokuwiki", "/lib/exe/ajax.php?call=qsearch&q=u"),
        ("matomo", "/matomo.php?idsite=1&rec=1&token_auth=x"),
        ("matomo", "/matomo/piwik.php?idsite=1"),
        ("matomo", "/js/tracker.php?idsite=1"),
        ("matomo", "/matomo.js"),
        ("matomo", "/index.php?module=CoreAdminHome&action=optOutJS"),
        ("roundcube", "/?_task=mail&_mbox=INBOX"),
        ("roundcube", "/program/js/app.min.js"),
        ("roundcube", "/webmail/plugins/jqueryui/js/jquery-ui.min.js"),
        ("roundcube", "/skins/elastic/styles/styles.min.css"),
        # One of two that sign in only together.
        ("dokuwiki", "/doku.php?id=start&p=2"),
    ],
)
def test_what_visitors_need_stays_public(preset: str, target: str) -> None:
    """A request of the public pages is served without a lock."""
    route = landed(site_of(preset), target)

    assert route is not None
    assert route.classification.id == "public"


@pytest.mark.parametrize(
    ("preset", "target"),
    [
        ("typo3", "/TYPO3/"),
        ("typo3", "/index.php/typo3/"),
        ("typo3", "/typo3/sysext/core/Resources/Public/../../../../index.php"),
        ("typo3", "/?%5f_typo3_install"),
        ("wordpress", "/wp-admin/admin-ajax.php/../options.php"),
        ("wordpress", "/WP-login.php"),
        # Only that very path is a script of its own; the others may be the front's.
        ("wordpress", "/WP-COMMENTS-POST.PHP?rest_route=%2Fwp%2Fv2%2Fusers"),
        ("wordpress", "/wp-comments-post.php/?rest_route=%2Fwp%2Fv2%2Fusers"),
        ("wordpress", "//wp-comments-post.php?rest_route=%2Fwp%2Fv2%2Fusers"),
        ("wordpress", "/wp-comments-post%2Ephp?rest%5Froute=/wp/v2/users"),
        ("wordpress", "/WP-ADMIN/ADMIN-AJAX.PHP?rest%5Froute=/wp/v2/users"),
        ("nextcloud", "/index.php/settings//admin"),
        # Only the very path of the tracker is its script.
        ("matomo", "/MATOMO.php?token_auth=x"),
        ("roundcube", "/skins/..%2finstaller/?_step=2"),
        ("matomo", "/matomo.php/?token_auth=x"),
        ("matomo", "/matomo.php/../index.php?token_auth=x"),
        ("matomo", "/matomo%2Ephp?method=X.y"),
    ],
)
def test_another_spelling_of_a_door_is_refused(preset: str, target: str) -> None:
    """A spelling that some server takes for the door reaches nothing."""
    route = landed(site_of(preset), target)

    assert route is None or route.shut


@every_preset
def test_doors_admit_whom_the_declared_backend_admits(preset: Preset) -> None:
    """Declaring the main door opens every door of the preset for the same people."""
    if not preset.doors:
        return
    main = preset.doors[0]
    lock = LOCK.format(path=main.path, class_id="confidential", admit="group:editors")
    if main.query is not None:
        lock += f'query = "{main.query}={main.query_value}"\n'

    routes = site_of(preset.name, lock).routes

    assert len([r for r in routes if r.backend]) == len(preset.doors)
    assert {r.admit for r in routes if r.backend} == {("group:editors",)}


def test_two_backends_that_differ_are_not_guessed_from() -> None:
    """Where no declared backend is a door of the preset and they differ, its doors stay shut."""
    locks = LOCK.format(path="/a", class_id="confidential", admit="group:a") + LOCK.format(
        path="/b", class_id="confidential", admit="group:b"
    )

    assert [r.door.path for r in site_of("django", locks).routes if r.shut] == [
        "/admin",
        "/*/admin",
    ]


def test_a_backend_without_a_path_of_its_own_cannot_lie_elsewhere() -> None:
    """Where the sign-in is told by a parameter on every path, ``backend_path`` is refused."""
    text = SITE.format(preset="dokuwiki", upstream="http://127.0.0.1:8080")
    text = text.replace("[[site.route]]", 'backend_path = "/wiki"\n[[site.route]]', 1)

    with pytest.raises(ConfigError, match="knows no backend that could lie elsewhere"):
        parse(text, "sealgate.toml")


def test_a_door_that_the_operator_declared_is_the_operators() -> None:
    """The preset neither doubles nor changes a declared door."""
    own = '[[site.route]]\npath = "/wp-login.php"\nclass = "restricted"\naccess = "site"\n'

    routes = site_of("wordpress", own).routes

    (login,) = [r for r in routes if r.door.path == "/wp-login.php"]
    assert (login.classification.id, login.origin) == ("restricted", "declared")


def test_a_hole_is_no_weaker_than_the_front_page() -> None:
    """Where the whole site is locked, its holes are locked for the same people."""
    text = SITE.format(preset="wordpress", upstream="http://127.0.0.1:8080").replace(
        'class = "public"', 'class = "confidential"\nadmit = ["group:staff"]'
    )

    (site,) = parse(text, "sealgate.toml").sites

    (hole,) = [r for r in site.routes if r.door.path == "/wp-admin/admin-ajax.php"]
    assert (hole.classification.id, hole.admit) == ("confidential", ("group:staff",))


def test_a_door_is_never_weaker_than_the_front_page() -> None:
    """On a secret site the doors are secret too."""
    text = SITE.format(preset="django", upstream="http://127.0.0.1:8080").replace(
        'class = "public"', 'class = "secret"\nadmit = ["group:staff"]'
    )

    (site,) = parse(text, "sealgate.toml").sites

    assert {r.classification.id for r in site.routes} == {"secret"}


def test_a_model_without_locks_still_shuts_the_doors() -> None:
    """With classes that lock nothing, a door is of the strictest class and lets nobody in."""
    model = (
        '[[class]]\nid = "public"\nin_transit = "protected"\naccess = "none"\nat_rest = "none"\n'
    )

    (site,) = parse(
        model + SITE.format(preset="django", upstream="http://127.0.0.1:8080"), "a"
    ).sites

    assert [r.shut for r in site.routes] == [False, True, True, False]


@every_preset
def test_settings_have_no_place_left_open(preset: Preset) -> None:
    """Every {place} of a snippet is filled."""
    front = FrontSide(("a.example", "b.example"), "127.0.0.1", 8443)

    assert not [s.file for s in settings_for(preset, front) if re.search(r"{[a-z_]+}", s.text)]


def test_django_settings_are_python_with_the_right_values() -> None:
    """The snippet for Django is Python, and its origins have scheme and port."""
    front = FrontSide(("a.example", "b.example"), "127.0.0.1", 8443)

    newest = settings_for(PRESETS["django"], front)[0].text

    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(newest).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert values == {
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "ALLOWED_HOSTS": ["a.example", "b.example"],
        "CSRF_TRUSTED_ORIGINS": ["https://a.example:8443", "https://b.example:8443"],
    }


@pytest.mark.peer("php")
@pytest.mark.parametrize(
    "name", ["typo3", "wordpress", "nextcloud", "dokuwiki", "matomo", "roundcube"]
)
def test_php_settings_are_php(name: str, tmp_path: Path) -> None:
    """PHP itself finds no syntax error in a snippet."""
    for snippet in settings_for(PRESETS[name], FrontSide(("a.example",), "127.0.0.1", 8443)):
        text = snippet.text
        if name == "nextcloud":
            # Lines inside the array that config.php returns.
            text = f"$CONFIG = [\n{text}];\n"
        path = tmp_path / "settings.php"
        if snippet.file.endswith((".js", ".ini.php")):
            continue
        path.write_text(f"<?php\n{text.removeprefix('<?php')}", encoding="utf-8")

        checked = subprocess.run(["php", "-l", path], capture_output=True, text=True, check=False)

        assert checked.returncode == 0, checked.stdout


@pytest.mark.peer("php")
def test_wordpress_takes_the_scheme_from_the_gateway_only(tmp_path: Path) -> None:
    """Run by PHP, the snippet turns HTTPS on for the gateway's address and for no other."""
    (snippet,) = settings_for(PRESETS["wordpress"], FrontSide(("a.example",)))
    answers = []
    for address in ("127.0.0.1", "192.0.2.7"):
        path = tmp_path / "wp-config.php"
        path.write_text(
            f"<?php $_SERVER['REMOTE_ADDR'] = '{address}';"
            "$_SERVER['HTTP_X_FORWARDED_PROTO'] = 'https';\n"
            f"{snippet.text}\necho $_SERVER['HTTPS'] ?? 'off', ' ', WP_HOME;",
            encoding="utf-8",
        )
        run = subprocess.run(["php", path], capture_output=True, text=True, check=True)
        answers.append(run.stdout)

    assert answers == ["on https://a.example", "off https://a.example"]


def test_typo3_versions_have_what_belongs_to_them() -> None:
    """CookieSecure is for TYPO3 10 and earlier; lockSSL is 1 (refuse) only up to TYPO3 7."""
    by_version = {
        s.versions: s.text for s in settings_for(PRESETS["typo3"], FrontSide(("a.example",)))
    }

    assert "['trustedHostsPattern'] = '(a\\.example)'" in by_version["TYPO3 12 and later"]
    assert ["cookieSecure" in text for text in by_version.values()] == [False, False, True, True]
    assert ["['lockSSL'] = 1" in text for text in by_version.values()] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("upstream", "gateway"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://localhost:8080", "127.0.0.1"),
        ("http://[::1]:8080", "::1"),
        ("http://10.0.0.7:8080", "ADDRESS-OF-THE-GATEWAY"),
        ("unix:/run/site.sock", "ADDRESS-OF-THE-GATEWAY"),
    ],
)
def test_the_front_side_knows_the_gateways_address_only_on_loopback(
    upstream: str, gateway: str
) -> None:
    """Elsewhere a word to be replaced stands in its place."""
    front = front_of(site_of("none", upstream=upstream), Listen((Address("::", 8443),)))

    assert (front.gateway, front.port) == (gateway, 8443)


def test_scripts_may_read_the_tokens_they_need() -> None:
    """Cookies that scripts of the CMS read are not made HttpOnly."""
    django = {rule.name: rule.http_only for rule in PRESETS["django"].cookies}
    wordpress = [rule.name for rule in PRESETS["wordpress"].cookies]

    assert django == {"sessionid": True, "messages": True, "csrftoken": False}
    assert not any("wp-settings-1".startswith(name.rstrip("*")) for name in wordpress)


def test_generic_counts_where_no_preset_is_named() -> None:
    """Usual places of administration are shut by default; "none" adds nothing."""
    text = SITE.format(preset="none", upstream="http://127.0.0.1:8080")
    (bare,) = parse(text, "sealgate.toml").sites
    (usual,) = parse(text.replace('preset = "none"\n', ""), "sealgate.toml").sites

    assert [str(r.door) for r in bare.routes] == ["/"]
    assert usual.preset == "generic"
    assert {str(r.door) for r in usual.routes if r.shut} == {
        str(door) for door in PRESETS["generic"].doors
    }
    declared = site_of("generic", '[[site.route]]\npath = "/admin"\nclass = "public"\n')
    own, other = landed(declared, "/admin/x"), landed(declared, "/adminer.php")
    assert own is not None
    assert other is not None
    assert (own.shut, other.shut) == (False, True)


def test_doors_follow_a_front_page_that_is_locked_itself() -> None:
    """Who may see the whole site is not kept from a part of it by default."""
    text = SITE.format(preset="generic", upstream="http://127.0.0.1:8080").replace(
        'class = "public"', 'class = "confidential"\nadmit = ["group:staff"]'
    )

    (site,) = parse(text, "sealgate.toml").sites

    assert [str(r.door) for r in site.routes] == ["/"]
    (blog,) = parse(text.replace("generic", "wordpress"), "sealgate.toml").sites
    assert {r.admit for r in blog.routes} == {("group:staff",)}
    assert landed(site, "/admin") is site.routes[0]


def test_a_shut_door_demands_nothing_of_the_rest_of_the_site() -> None:
    """An upstream in clear, a front page over plain HTTP and the endpoint are judged without it."""
    text = SITE.format(preset="generic", upstream="http://192.0.2.7:80").replace(
        'class = "public"', 'class = "public"\nplain_http = true'
    )

    inventory = parse(text, "sealgate.toml")

    (site,) = inventory.sites
    assert required_of_site(site).required == required_of_site(site_of("none")).required
    assert not asks_for_key(site)
    certificates = {site.name: CertificateFiles("chain.pem", "key.pem")}
    assert refusals(inventory, Material("/run/sealgate", certificates)) == ()


def test_a_shut_door_demands_nothing_where_the_only_lock_is_the_strictest() -> None:
    """Neither a channel of its own, nor grants, nor pages to sign in on; the plan finds it kept."""
    model = (
        '[[class]]\nid = "public"\nin_transit = "protected"\naccess = "none"\nat_rest = "none"\n'
        '[[class]]\nid = "vault"\nin_transit = "highly encrypted"\naccess = "very high"\n'
        'at_rest = "highly encrypted"\n'
    )
    text = SITE.format(preset="generic", upstream="http://127.0.0.1:8080")

    inventory = parse(model + text, "sealgate.toml")

    (site,) = inventory.sites
    material = Material("/run/sealgate", {site.name: CertificateFiles("chain.pem", "key.pem")})
    assert {r.classification.id for r in site.routes if r.shut} == {"vault"}
    assert refusals(inventory, material) == ()
    assert not any(asks(site) for asks in (is_highly_encrypted, signs_in, needs_grants))
    report = evaluate(declared(inventory), guaranteed(inventory, material, now=0), now=0)
    assert [f.rule.id for f in report.findings if "/admin" in f.asset.id] == []
