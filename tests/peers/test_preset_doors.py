"""Presets of systems that are not installed here: requests and verdicts, through a real Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.config.parse import parse
from sealgate.config.presets import GENERIC
from sealgate.policy.inventory import Address, Inventory, Listen
from tests.peers.gatewayed import Client, EchoSite, Gateway, Keys, close_all, echo_site, gateway
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PRESETS = ("drupal", "joomla", "typo3", "nextcloud", "django", "generic", "wordpress")
MOVED = {"django": "/intern", "typo3": "/cms", "wordpress": "/a/b/c/wp-admin"}
SITE = """
[[site]]
domains = ["{name}"]
upstream = "http://127.0.0.1:{port}"
{more}
[[site.route]]
path = "/"
class = "public"
"""
SESSION = ("Cookie: SSESS1=x", "X-CSRF-Token: x")
FORM = ("Content-Type: application/x-www-form-urlencoded",)
JSON = ("Content-Type: application/json",)
BASIC = ("Authorization: Basic eDp5",)
BEARER = ("Authorization: Bearer x",)
# Preset, method, target, headers, body, whether it is served, and the source.
ROWS: tuple[tuple[str, str, str, tuple[str, ...], bytes, bool, str], ...] = (
    # core/modules/user/user.routing.yml and "Other HTTP endpoints of user" (drupal.org).
    ("drupal", "POST", "/user/login?_format=json", JSON, b"{}", False, "user.login.http"),
    ("drupal", "GET", "/user/login", (), b"", False, "user.login"),
    ("drupal", "POST", "/user/register?_format=json", JSON, b"{}", False, "rest.resource.user"),
    ("drupal", "GET", "/admin/people", (), b"", False, "user.routing.yml entity.user.collection"),
    ("drupal", "GET", "/core/install.php", (), b"", False, "core/install.php"),
    ("drupal", "GET", "/update.php/selection", (), b"", False, "update.php"),
    (
        "drupal",
        "GET",
        "/?q=admin/people",
        (),
        b"",
        False,
        "Drupal 7, drupal_environment_initialize()",
    ),
    ("drupal", "POST", "/", FORM, b"q=user/login", False, "the same, whatever reads $_REQUEST"),
    ("drupal", "GET", "/jsonapi/user/user", BASIC, b"", False, "basic_auth module"),
    ("drupal", "GET", "/jsonapi/user/user", BEARER, b"", False, "simple_oauth module"),
    (
        "drupal",
        "GET",
        "/jsonapi/node/page",
        SESSION,
        b"",
        False,
        "jsonapi: cookie and X-CSRF-Token",
    ),
    ("drupal", "PATCH", "/jsonapi/node/page/1", JSON, b"{}", False, "JSON:API 1.1, updating"),
    ("drupal", "DELETE", "/jsonapi/node/page/1", (), b"", False, "JSON:API 1.1, deleting"),
    ("drupal", "POST", "/en/../jsonapi/x", JSON, b"{}", False, "RFC 3986, 5.2.4"),
    (
        "drupal",
        "GET",
        "/jsonapi/node/page?_method=DELETE",
        (),
        b"",
        False,
        "Symfony, Request::getMethod()",
    ),
    (
        "drupal",
        "PATCH",
        "/node/1?_format=hal_json",
        JSON,
        b"{}",
        False,
        "rest.resource.entity.node",
    ),
    ("drupal", "GET", "/node/1?_format=json", BASIC, b"", False, "rest.resource.entity.node"),
    ("drupal", "GET", "/jsonapi/node/article", (), b"", True, "JSON:API 1.1, fetching"),
    ("drupal", "GET", "/node/1?_format=json", (), b"", True, "rest.resource.entity.node"),
    ("drupal", "POST", "/contact/feedback", FORM, b"mail=a%40b.example", True, "contact module"),
    ("drupal", "GET", "/administer-us", (), b"", True, "a page"),
    # docs.joomla.org, "J4.x:Joomla Core APIs" and "J4.x:Web Services".
    ("joomla", "GET", "/administrator/index.php", (), b"", False, "JPATH_ADMINISTRATOR"),
    (
        "joomla",
        "GET",
        "/api/index.php/v1/users",
        ("X-Joomla-Token: x",),
        b"",
        False,
        "api-authentication",
    ),
    (
        "joomla",
        "GET",
        "/api/index.php/v1/config/application?public=true",
        (),
        b"",
        False,
        "CVE-2023-23752",
    ),
    (
        "joomla",
        "POST",
        "/index.php",
        FORM,
        b"option=com_config&task=x",
        False,
        "com_config, front side",
    ),
    ("joomla", "GET", "/installation/index.php", (), b"", False, "JPATH_INSTALLATION"),
    ("joomla", "GET", "/index.php?option=com_content&view=article", (), b"", True, "com_content"),
    (
        "joomla",
        "POST",
        "/index.php?option=com_contact",
        FORM,
        b"jform[name]=x",
        True,
        "com_contact",
    ),
    # docs.typo3.org, Configuration: BE/entryPoint; eID: "Ajax with eID".
    ("typo3", "GET", "/cms/module/web/layout?token=x", (), b"", False, "BE/entryPoint"),
    ("typo3", "GET", "/cms/index.php?route=%2Fmain&token=x", (), b"", False, "backend routes"),
    ("typo3", "POST", "/", FORM, b"__typo3_install=1", False, "the install tool reads the request"),
    ("typo3", "GET", "/?eID=search", (), b"", True, "eID"),
    ("typo3", "GET", "/feed?type=100", (), b"", True, "typeNum"),
    # docs.nextcloud.com: OCS provisioning API, WebDAV, and app passwords.
    ("nextcloud", "GET", "/ocs/v1.php/cloud/users", (), b"", False, "provisioning API"),
    (
        "nextcloud",
        "GET",
        "/ocs/v2.php/apps/provisioning_api/api/v1/config/apps",
        (),
        b"",
        False,
        "the same",
    ),
    (
        "nextcloud",
        "PROPFIND",
        "/remote.php/dav/files/a",
        BASIC,
        b"",
        False,
        "WebDAV, app passwords",
    ),
    ("nextcloud", "GET", "/ocs/v2.php/cloud/user", BASIC, b"", False, "app passwords"),
    ("nextcloud", "GET", "/remote.php%2fdav/x", BASIC, b"", False, "RFC 3986, 2.1"),
    ("nextcloud", "GET", "/index.php/settings/admin", (), b"", False, "settings app"),
    ("nextcloud", "PROPFIND", "/public.php/webdav", BASIC, b"", True, "public shares"),
    ("nextcloud", "GET", "/ocs/v2.php/cloud/capabilities", (), b"", True, "capabilities"),
    ("nextcloud", "GET", "/index.php/apps/files", (), b"", True, "a user's own pages"),
    # docs.djangoproject.com, "The Django admin site", hooking AdminSite to other URLs.
    ("django", "GET", "/intern/login/", (), b"", False, "AdminSite.urls"),
    ("django", "GET", "/en/intern/", (), b"", False, "i18n_patterns"),
    ("django", "GET", "/INTERN/", (), b"", False, "servers that fold case"),
    ("django", "GET", "/admin/", (), b"", True, "moved away"),
    ("django", "GET", "/shop/", (), b"", True, "a page"),
    # OWASP WSTG-CONF-05, interfaces for administrators.
    ("generic", "GET", "/admin/", (), b"", False, "WSTG-CONF-05"),
    ("generic", "GET", "/phpmyadmin/index.php", (), b"", False, "WSTG-CONF-05"),
    ("generic", "GET", "/server-status", (), b"", False, "Apache, mod_status"),
    ("generic", "GET", "/actuator/env", (), b"", False, "Spring Boot, Actuator"),
    ("generic", "GET", "/manager/text/deploy?path=/x", (), b"", False, "Tomcat, Manager How-To"),
    *(
        ("generic", "GET", f"{door.path}/x", (), b"", False, "each door of the list")
        for door in GENERIC.doors
    ),
    ("generic", "GET", "/_profiler/latest", (), b"", False, "Symfony, The Profiler"),
    ("generic", "GET", "/jolokia/list", (), b"", False, "Jolokia, HTTP GET requests"),
    # WordPress below folders, as its handbook's "Giving WordPress its own directory" and networks.
    *(
        ("wordpress", method, f"{folder}{target}", headers, body, False, source)
        for folder in ("", "/blog", "/a/blog", "/a/b/c")
        for method, target, headers, body, source in (
            ("GET", "/wp-login.php", (), b"", "wp_login_url()"),
            ("GET", "/WP-LOGIN.PHP", (), b"", "servers that fold case"),
            ("GET", "/wp-login.php/x.css", (), b"", "PATH_INFO"),
            ("GET", "/%77p-login.php", (), b"", "RFC 3986, 2.1"),
            ("GET", "/x/..%2fwp-login.php", (), b"", "RFC 3986, 5.2.4"),
            ("GET", "/wp-admin/", (), b"", "admin_url()"),
            ("GET", "/wp-admin/admin-ajax.php/../users.php", (), b"", "RFC 3986, 5.2.4"),
            ("GET", "/wp-admin/admin-ajax.php", BASIC, b"", "application passwords"),
            ("POST", "/xmlrpc.php/wp-admin/admin-ajax.php", (), b"<methodCall/>", "PATH_INFO"),
            ("POST", "/xmlrpc.php/x/wp-admin/admin-post.php", (), b"<methodCall/>", "the same"),
            ("GET", "/wp-login.php%2fwp-admin/admin-ajax.php", (), b"", "the same, encoded"),
            ("GET", "/WP-MAIL.PHP;/wp-admin/admin-ajax.php", (), b"", "the same, folded"),
            ("GET", "/wp-admin/install.php/wp-admin/admin-ajax.php", (), b"", "the same, deeper"),
            ("POST", "/xmlrpc.php", (), b"<methodCall/>", "XML-RPC"),
            ("GET", "/wp-mail.php", (), b"", "post by email"),
            ("GET", "/wp-json/wp/v2/users", (), b"", "REST API, users"),
            ("GET", "/index.php/wp-json/wp/v2/users/1", (), b"", "the same, without rewriting"),
            ("POST", "/wp-json/batch/v1", JSON, b"{}", "REST API, batch"),
            ("GET", "/?rest_route=/wp/v2/users", (), b"", "the same, plain permalinks"),
            ("GET", "/wp-json/oembed/1.0/embed?url=x", (), b"", "WP_oEmbed_Controller"),
            ("GET", "/author/boss/feed/", (), b"", "WP_Rewrite::get_author_permastruct()"),
            ("GET", "/?author=1", (), b"", "WP::$public_query_vars"),
            ("GET", "/wp-sitemap-users-1.xml", (), b"", "WP_Sitemaps::register_rewrites()"),
            ("GET", "/wp-sitemap-users-2.xml", (), b"", "the same"),
            ("GET", "/wp-sitemap-users-0017.xml", (), b"", "the same"),
            ("GET", "/wp-sitemap-users-any_word-1.xml", (), b"", "the same, with a subtype"),
            ("GET", "/WP-Sitemap-Users%2d2.xml", (), b"", "the same, spelled otherwise"),
            ("POST", "/wp-comments-post.php?rest_route=/batch", FORM, b"x=1", "front by its name"),
        )
    ),
    *(
        ("wordpress", method, f"{folder}{target}", headers, body, True, source)
        for folder in ("", "/blog", "/a/blog", "/a/b/c")
        for method, target, headers, body, source in (
            ("GET", "/", (), b"", "the front page"),
            ("POST", "/wp-comments-post.php", FORM, b"comment=x", "comments_post"),
            ("GET", "/wp-json/wp/v2/posts", (), b"", "REST API, posts"),
            ("GET", "/wp-sitemap-posts-post-1.xml", (), b"", "maps of posts"),
            ("GET", "/wp-sitemap-usersguide.xml", (), b"", "a page"),
            ("GET", "/authors/", (), b"", "a page"),
        )
    ),
    # They are open where WordPress is known to lie: any other folder may be a locked one.
    *(
        ("wordpress", "POST", f"{folder}/wp-admin/{script}", FORM, b"action=x", served, source)
        for folder, served in (("", True), ("/blog", False), ("/a/blog", False), ("/a/b/c", True))
        for script, source in (
            ("admin-ajax.php", "wp_ajax_nopriv_*"),
            ("admin-post.php", "admin_post_nopriv_*"),
        )
    ),
    # Only where backend_path says that it lies are these its scripts, which take names.
    ("wordpress", "POST", "/a/b/c/wp-comments-post.php", FORM, b"author=x", True, "comments"),
    ("wordpress", "POST", "/wp-comments-post.php", FORM, b"author=1", False, "its front"),
    ("wordpress", "POST", "/blog/wp-comments-post.php", FORM, b"author=1", False, "its front"),
    ("wordpress", "GET", "/a/b/c/d/wp-login.php", (), b"", True, "deeper than is known"),
    ("generic", "GET", "/console", (), b"", True, "a page of a toy shop"),
    ("generic", "POST", "/contact", FORM, b"x=1", True, "a page"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, EchoSite]]:
    """Run one gateway with a site for each preset."""
    folder = tmp_path_factory.mktemp("presets")
    keys = Keys(folder)
    with echo_site() as site:
        text = "".join(
            SITE.format(
                name=f"{preset}.example",
                port=site.port,
                # "generic" counts where none is named.
                more="\n".join(
                    [
                        *([f'preset = "{preset}"'] if preset != GENERIC.name else []),
                        *([f'backend_path = "{MOVED[preset]}"'] if preset in MOVED else []),
                    ]
                ),
            )
            for preset in PRESETS
        )
        listen = Listen((Address("127.0.0.1", free_port()),), ())
        inventory = Inventory("sealgate.toml", "", listen, sites=parse(text, "sealgate.toml").sites)
        certificates = {s.name: keys.server(s.name) for s in inventory.sites}
        with gateway(inventory, tmp_path_factory.mktemp("envoy"), certificates) as running:
            yield running, site


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_each_request_has_its_verdict(
    world: tuple[Gateway, EchoSite],
    row: tuple[str, str, str, tuple[str, ...], bytes, bool, str],
) -> None:
    """A back door is refused to strangers, and what the public site needs arrives."""
    running, site = world
    preset, method, target, headers, body, served, source = row
    before = len(site.requests)
    client = Client(running.port, name=f"{preset}.example")
    client.send(target, *headers, method=method, body=body)
    status = client.receive(method).status
    close_all()
    assert status == (200 if served else 403), source
    assert len(site.requests) - before == served
