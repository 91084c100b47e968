"""
Which server software answers, by what it says of itself, and what its administrator types.

A remedy that names a setting of another server helps nobody. Here each remedy is written once
for each server that has a setting of its own; for all others the rule's ``remediation`` says in
plain words what to reach. What a server says of itself proves nothing, so no verdict rests on it.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Server(StrEnum):
    """Server software that remedies are written for. ``SEALGATE`` is what is configured here."""

    SEALGATE = "Sealgate"
    NGINX = "nginx"
    APACHE = "Apache"
    CADDY = "Caddy"
    HAPROXY = "HAProxy"
    LIGHTTPD = "lighttpd"
    IIS = "IIS"
    OPENSSH = "OpenSSH"
    DROPBEAR = "Dropbear"
    VSFTPD = "vsftpd"
    PROFTPD = "ProFTPD"
    PURE_FTPD = "Pure-FTPd"
    PYFTPDLIB = "pyftpdlib"


# What stands in a Server field (RFC 9110, 10.2.4), an SSH identification (RFC 4253, 4.2) or the
# greeting of an FTP server. The first that is found counts.
_SAID: tuple[tuple[re.Pattern[str], Server], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), server)
    for pattern, server in (
        (r"\b(?:nginx|openresty|tengine|angie)\b", Server.NGINX),
        (r"\bapache\b(?!-coyote)", Server.APACHE),
        (r"\bcaddy\b", Server.CADDY),
        (r"\bhaproxy\b", Server.HAPROXY),
        (r"\blighttpd\b", Server.LIGHTTPD),
        (r"\bmicrosoft-iis\b", Server.IIS),
        (r"\bOpenSSH", Server.OPENSSH),
        (r"\bdropbear", Server.DROPBEAR),
        (r"\bvsftpd\b", Server.VSFTPD),
        (r"\bproftpd\b", Server.PROFTPD),
        (r"\bpure-?ftpd\b", Server.PURE_FTPD),
        (r"\bpyftpdlib\b", Server.PYFTPDLIB),
    )
)
# Of what a server says, what is looked at.
_MOST_CHARACTERS = 512


def recognised(said: str) -> Server | None:
    """Return which server says *said* of itself, ``None`` when none that is known here."""
    head = said[:_MOST_CHARACTERS]
    return next((server for pattern, server in _SAID if pattern.search(head)), None)


_NGINX_FRONT = "with `nginx -t && nginx -s reload` after it"
_SSHD = "in sshd_config"
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
_CHAIN = "the certificate first, then each intermediate"

# In place of everything else that port 80 does.
_TO_HTTPS = {
    Server.NGINX: (
        "set `return 308 https://$host$request_uri;` in the server block of port 80, and no other "
        f"location there, {_NGINX_FRONT}"
    ),
    Server.APACHE: (
        "set `Redirect permanent / https://NAME/` in the host of port 80, and nothing else there"
    ),
    Server.CADDY: (
        "give the site's address without http://, and leave `auto_https` alone; Caddy redirects"
    ),
    Server.HAPROXY: (
        "set `http-request redirect scheme https code 308 unless { ssl_fc }` in the frontend"
    ),
    Server.LIGHTTPD: (
        'set `url.redirect = ("" => "https://${url.authority}${url.path}${qsa}")` in '
        '`$HTTP["scheme"] == "http"`'
    ),
    Server.IIS: "add a rewrite rule for all of http that redirects to https permanently",
}


def _hsts(seconds: int, then: str) -> dict[Server, str]:
    field, value = "Strict-Transport-Security", f'"max-age={seconds}"'
    return {
        Server.NGINX: (
            f"set `add_header {field} {value} always;` in every block that has an `add_header` of "
            f"its own{then}"
        ),
        Server.APACHE: f"set `Header always set {field} {value}` (mod_headers){then}",
        Server.CADDY: f"set `header {field} {value}` in the site's block{then}",
        # Also in the answers that it gives itself.
        Server.HAPROXY: f"set `http-after-response set-header {field} {value}` in the frontend{then}",
        Server.LIGHTTPD: f'set `setenv.set-response-header = ("{field}" => {value})`{then}',
    }


# By rule, then by server. A server that is missing here gets the rule's own plain words.
FIXES: dict[str, dict[Server, str]] = {
    "transit-weak-version": {
        Server.NGINX: "set `ssl_protocols TLSv1.2 TLSv1.3;` in every server block of the port",
        Server.APACHE: "set `SSLProtocol -all +TLSv1.2 +TLSv1.3`",
        Server.CADDY: "set `protocols tls1.2 tls1.3` in the site's `tls` block",
        Server.HAPROXY: "add `ssl-min-ver TLSv1.2` to the bind line",
        Server.LIGHTTPD: 'set `ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2")`',
        Server.IIS: "turn SSL 3.0, TLS 1.0 and TLS 1.1 off for servers under SCHANNEL\\Protocols",
        Server.VSFTPD: (
            "set `ssl_sslv2=NO`, `ssl_sslv3=NO`, `ssl_tlsv1=NO` and `ssl_tlsv11=NO` (Red Hat: "
            "`ssl_tlsv1_1=NO`)"
        ),
        Server.PROFTPD: "set `TLSProtocol TLSv1.2 TLSv1.3`",
        Server.PYFTPDLIB: "give the handler an `ssl_context` whose `minimum_version` is TLSv1_2",
        Server.SEALGATE: "let `sealgate serve` stand at this address; it offers TLS 1.2 and 1.3 only",
    },
    "transit-weak-cipher": {
        Server.NGINX: (
            f"set `ssl_ciphers {_SUITES};`, and where DHE is listed an `ssl_dhparam` of 2048 bits"
        ),
        Server.APACHE: f"set `SSLCipherSuite {_SUITES}`",
        Server.CADDY: "leave `ciphers` out of the site's `tls` block; the default is right",
        Server.HAPROXY: f"set `ssl-default-bind-ciphers {_SUITES}` under `global`",
        Server.LIGHTTPD: f'set `ssl.openssl.ssl-conf-cmd += ("CipherString" => "{_SUITES}")`',
        Server.VSFTPD: f"set `ssl_ciphers={_SUITES}`",
        Server.PROFTPD: f"set `TLSCipherSuite {_SUITES}`",
        Server.PURE_FTPD: f"set `TLSCipherSuite {_SUITES}`",
        Server.SEALGATE: (
            "let `sealgate serve` stand at this address; it takes forward-secret AEAD suites only"
        ),
    },
    "transit-untrusted-chain": {
        Server.NGINX: f"let `ssl_certificate` name a file with the whole chain: {_CHAIN}",
        Server.APACHE: f"let `SSLCertificateFile` name a file with the whole chain: {_CHAIN}",
        Server.CADDY: f"give the first file of `tls` the whole chain: {_CHAIN}",
        Server.HAPROXY: f"give the file of `crt` the whole chain: {_CHAIN}, then the key",
        Server.VSFTPD: f"let `rsa_cert_file` name a file with the whole chain: {_CHAIN}",
        Server.PROFTPD: "add the intermediates with `TLSCertificateChainFile`",
        Server.PURE_FTPD: f"give the file of `CertFile` the whole chain: {_CHAIN}",
        Server.SEALGATE: (
            "send the whole chain of a certificate that clients trust (`[tls] certificate = { "
            'chain = "...", key = "..." }`), or have the clients trust the local CA (`sealgate '
            "trust`)"
        ),
    },
    "transit-wrong-name": {
        Server.SEALGATE: (
            "list the name under `domains` of its [[site]] and run `sealgate reload`, or give a "
            "certificate that has it as subject alternative name"
        ),
    },
    "transit-expired-certificate": {
        Server.NGINX: f"renew the certificate (`certbot renew`), {_NGINX_FRONT}",
        Server.APACHE: "renew the certificate (`certbot renew`), with `apachectl graceful` after it",
        Server.CADDY: "leave out the files of `tls`, so that Caddy renews by itself",
        Server.SEALGATE: (
            'renew the certificate (with `certificate = "local-ca"` Sealgate does so by itself '
            "while `sealgate serve` runs) and check the clock"
        ),
    },
    "transit-expires-soon": {
        Server.NGINX: f"renew the certificate (`certbot renew` by a timer), {_NGINX_FRONT}",
        Server.APACHE: "renew the certificate by a timer (`certbot renew`, or mod_md)",
        Server.CADDY: "leave out the files of `tls`, so that Caddy renews by itself",
        Server.SEALGATE: (
            'have it renewed automatically: `certificate = "local-ca"` or "acme" under [tls]'
        ),
    },
    "transit-tls-1-2-accepted": {
        Server.NGINX: "set `ssl_protocols TLSv1.3;` in every server block of the port",
        Server.APACHE: "set `SSLProtocol -all +TLSv1.3`",
        Server.CADDY: "set `protocols tls1.3` in the site's `tls` block",
        Server.HAPROXY: "add `ssl-min-ver TLSv1.3` to the bind line",
        Server.VSFTPD: "set `ssl_tlsv12=NO` (Red Hat: `ssl_tlsv1_2=NO`)",
        Server.PROFTPD: "set `TLSProtocol TLSv1.3`",
        Server.SEALGATE: "serve the route on a domain of its own of class `secret`",
    },
    "transit-no-hybrid": {
        Server.NGINX: "with OpenSSL 3.5 set `ssl_ecdh_curve X25519MLKEM768:X25519;`",
        Server.APACHE: "with OpenSSL 3.5 set `SSLOpenSSLConfCmd Curves X25519MLKEM768:X25519`",
        Server.CADDY: "use Caddy 2.10 or later, and leave `curves` out of the `tls` block",
        Server.HAPROXY: "with OpenSSL 3.5 set `ssl-default-bind-curves X25519MLKEM768:X25519`",
        Server.SEALGATE: (
            "let `sealgate serve` stand at this address; it offers X25519MLKEM768 first"
        ),
    },
    "transit-classical-accepted": {
        Server.NGINX: "with OpenSSL 3.5 set `ssl_ecdh_curve X25519MLKEM768;` and TLS 1.3 only",
        Server.APACHE: "with OpenSSL 3.5 set `SSLOpenSSLConfCmd Curves X25519MLKEM768`",
        Server.CADDY: (
            "use Caddy 2.10 or later, and set `curves x25519mlkem768` and `protocols tls1.3` in the "
            "`tls` block"
        ),
        Server.HAPROXY: "with OpenSSL 3.5 set `ssl-default-bind-curves X25519MLKEM768`",
        Server.SEALGATE: "serve the route on a domain of its own of class `secret`",
    },
    "transit-client-unauthenticated": {
        Server.NGINX: (
            "set `ssl_verify_client on;` and `ssl_client_certificate FILE;` in the server block"
        ),
        Server.APACHE: "set `SSLVerifyClient require` and `SSLCACertificateFile FILE` for the host",
        Server.CADDY: (
            "under `client_auth` in the `tls` block set `mode require_and_verify` and `trust_pool file "
            "FILE` (before Caddy 2.8 `trusted_ca_cert_file FILE`)"
        ),
        Server.HAPROXY: (
            "add `verify required ca-file FILE` to the bind line, and leave `verify` out of its "
            "`crt-list`"
        ),
        Server.VSFTPD: "set `require_cert=YES`, `validate_cert=YES` and `ca_certs_file=FILE`",
        Server.PROFTPD: "set `TLSVerifyClient on` and `TLSCACertificateFile FILE`",
        Server.SEALGATE: (
            "serve the route on a domain of its own of class `secret`, and issue certificates with "
            "`sealgate key issue NAME`"
        ),
    },
    "transit-weak-key": {
        Server.SEALGATE: (
            'use `certificate = "local-ca"` or "acme" under [tls], or give a chain of strong keys'
        ),
    },
    "certificate-life-too-long": {
        Server.CADDY: "leave out the files of `tls`, so that Caddy renews by itself",
        Server.SEALGATE: 'have it renewed automatically: `certificate = "acme"` under [tls]',
    },
    "certificate-no-operator": {
        Server.SEALGATE: "set `name`, `country` and `locality` under [operator]",
    },
    "transit-ssh-version-1": {
        Server.OPENSSH: "use OpenSSH 7.6 or later, which has no version 1",
    },
    "transit-ssh-weak-kex": {
        Server.OPENSSH: (
            f"set `KexAlgorithms mlkem768x25519-sha256,curve25519-sha256` {_SSHD}, without the "
            "first before OpenSSH 9.9"
        ),
        Server.DROPBEAR: "build it with `DROPBEAR_DH_GROUP14_SHA1 0` and `DROPBEAR_DH_GROUP1 0`",
    },
    "transit-ssh-weak-cipher": {
        Server.OPENSSH: f"set `Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com` {_SSHD}",
        Server.DROPBEAR: "build it with `DROPBEAR_3DES 0` and `DROPBEAR_ENABLE_CBC_MODE 0`",
    },
    "transit-ssh-weak-mac": {
        Server.OPENSSH: (
            f"set `MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com` {_SSHD}"
        ),
        Server.DROPBEAR: "build it with `DROPBEAR_SHA1_HMAC 0`",
    },
    "transit-ssh-weak-host-key": {
        Server.OPENSSH: (
            "make an Ed25519 key (`ssh-keygen -t ed25519 -f /etc/ssh/ssh_host_ed25519_key`) and set "
            f"`HostKeyAlgorithms ssh-ed25519,rsa-sha2-512,rsa-sha2-256` {_SSHD}"
        ),
        Server.DROPBEAR: (
            "make an Ed25519 key (`dropbearkey -t ed25519 -f FILE`), give it with `-r`, and build "
            "without `DROPBEAR_RSA_SHA1` and `DROPBEAR_DSS`"
        ),
    },
    "transit-ssh-no-strict-kex": {
        Server.OPENSSH: (
            f"use OpenSSH 9.6 or later; until then set `Ciphers aes256-gcm@openssh.com` {_SSHD}"
        ),
        Server.DROPBEAR: "use Dropbear 2024.84 or later",
    },
    "transit-ssh-no-hybrid": {
        Server.OPENSSH: f"use OpenSSH 9.9 or later, with mlkem768x25519-sha256 {_SSHD}",
        Server.DROPBEAR: "use Dropbear 2025.87 or later",
    },
    "transit-ssh-classical-accepted": {
        Server.OPENSSH: f"set `KexAlgorithms mlkem768x25519-sha256` {_SSHD}",
        Server.SEALGATE: "put the files into a [[drop]] of their class; it takes hybrid sessions only",
    },
    "transit-ssh-old-cipher": {
        Server.OPENSSH: f"set `Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com` {_SSHD}",
    },
    "transit-ssh-password-accepted": {
        Server.OPENSSH: f"set `AuthenticationMethods publickey` {_SSHD}",
        Server.DROPBEAR: "start it with `-s`",
        Server.SEALGATE: "put the files into a [[drop]] of their class; it asks for a key",
    },
    "transit-plaintext": {
        Server.SEALGATE: (
            "let `sealgate serve` stand at this address; it answers http with redirects and "
            "refusals only"
        ),
        **_TO_HTTPS,
    },
    "transit-unsigned": {
        Server.SEALGATE: (
            "let `sealgate serve` answer for it with `plain_http = true` on the route, or take that "
            "away so that http redirects; `sealgate verify URL` shows what is wrong"
        ),
    },
    "transit-no-redirect": {
        Server.SEALGATE: 'set `http = ":80"` under [listen], so that Sealgate redirects',
        **_TO_HTTPS,
    },
    "transit-no-hsts": {
        Server.SEALGATE: (
            "set `hsts_seconds = 300` under [tls], and raise it to 63072000 when you are sure"
        ),
        **_hsts(300, ", and raise it to 63072000 when you are sure"),
    },
    "transit-weak-hsts": {
        Server.SEALGATE: (
            "set `hsts_seconds = 63072000` under [tls] when every page works over https"
        ),
        **_hsts(63072000, " when every page works over https"),
    },
    # Each stands before what redirects, which would take the POST as well.
    "transit-post-accepted": {
        Server.SEALGATE: "let `sealgate serve` stand at this address; it answers 403 and says why",
        Server.NGINX: (
            "set `if ($request_method !~ ^(GET|HEAD)$) { return 403; }` in the server block of "
            f"port 80, before its `return`, {_NGINX_FRONT}"
        ),
        Server.APACHE: (
            "in the host of port 80 set `RewriteEngine On`, `RewriteCond %{REQUEST_METHOD} "
            "!^(GET|HEAD)$` and `RewriteRule ^ - [F]` (mod_rewrite), which come before `Redirect`"
        ),
        Server.CADDY: (
            "in a block for `http://NAME` set `@other not method GET HEAD`, and in `route` there "
            "`respond @other 403` and `redir https://{host}{uri} 308`, in this order"
        ),
        Server.HAPROXY: (
            "set `http-request deny if !{ ssl_fc } !METH_GET` in the frontend, before its redirects"
        ),
        Server.LIGHTTPD: (
            'set `url.access-deny = ("")` in `$HTTP["request-method"] !~ "^(GET|HEAD)$"` on port 80, '
            "with mod_access before mod_redirect in `server.modules`"
        ),
    },
    "transit-insecure-cookie": {
        Server.SEALGATE: (
            "let `sealgate serve` stand at this address (it adds Secure to every cookie), or set it in "
            "the application (PHP: `session.cookie_secure = 1`)"
        ),
        Server.NGINX: (
            "set `proxy_cookie_flags ~ secure;` (nginx 1.19.3 and later; behind `fastcgi_pass` only "
            f"the application can, PHP by `session.cookie_secure = 1`), {_NGINX_FRONT}"
        ),
        # What a proxied application sets stands in one of its tables, what a script sets in both.
        Server.APACHE: (
            'set `Header edit Set-Cookie ^(.*)$ "$1; Secure"` and `Header always edit Set-Cookie '
            '^(.*)$ "$1; Secure"` (mod_headers)'
        ),
        Server.CADDY: 'set `header_down Set-Cookie (.*) "$1; Secure"` in `reverse_proxy`',
        Server.HAPROXY: 'set `http-response replace-header Set-Cookie (.*) "\\1; Secure"`',
    },
    "minimise-leftover-served": {
        Server.SEALGATE: (
            "remove the files, change every password and key that they held, and let `sealgate "
            "serve` stand at this address, which refuses such names"
        ),
        Server.NGINX: (
            "remove the files, change every password and key that they held, and set `location ~ "
            f"/\\.(?!well-known/) {{ return 404; }}`, {_NGINX_FRONT}"
        ),
        Server.APACHE: (
            "remove the files, change every password and key that they held, and set `RedirectMatch "
            "404 /\\.(?!well-known/)`"
        ),
    },
    "transit-scriptable-cookie": {
        Server.SEALGATE: (
            "name the site's `preset`, so that Sealgate knows its session cookies, or set HttpOnly "
            "in the application (PHP: `session.cookie_httponly = 1`)"
        ),
        Server.NGINX: (
            "set `proxy_cookie_flags NAME httponly;` for each session cookie (behind `fastcgi_pass` "
            f"only the application can, PHP by `session.cookie_httponly = 1`), {_NGINX_FRONT}"
        ),
        Server.APACHE: (
            'set `Header edit Set-Cookie ^(NAME=.*)$ "$1; HttpOnly"` and `Header always edit '
            'Set-Cookie ^(NAME=.*)$ "$1; HttpOnly"` for each session cookie'
        ),
        Server.HAPROXY: (
            'set `http-response replace-header Set-Cookie ^(NAME=.*)$ "\\1; HttpOnly"` for each '
            "session cookie"
        ),
    },
    "transit-ftp-plaintext": {
        Server.VSFTPD: (
            "set `ssl_enable=YES`, `force_local_logins_ssl=YES` and, where anonymous users may "
            "come, `force_anon_logins_ssl=YES`"
        ),
        Server.PROFTPD: "set `TLSEngine on` and `TLSRequired on`",
        Server.PURE_FTPD: "set `TLS 2` (or 3, which protects data too; start it with `--tls=2`)",
        Server.PYFTPDLIB: "use TLS_FTPHandler with `tls_control_required = True`",
        Server.SEALGATE: "set `ftps` under [listen]; USER before AUTH TLS is refused there",
    },
    "transit-ftp-injection": {
        Server.PYFTPDLIB: "use pyftpdlib 2.1 or later, or another server",
    },
    "transit-ftp-clear-data": {
        Server.VSFTPD: "set `force_local_data_ssl=YES` and `force_anon_data_ssl=YES`",
        Server.PROFTPD: "set `TLSRequired on`",
        Server.PURE_FTPD: "set `TLS 3` (start it with `--tls=3`)",
        Server.PYFTPDLIB: "set `tls_data_required = True` on the handler",
        Server.SEALGATE: "set `ftps` under [listen]; data connections are TLS only there",
    },
    "transit-ftp-clear-control": {
        Server.PROFTPD: "set `TLSRequired on`, which refuses CCC after a sign-in, too",
        Server.PURE_FTPD: "use another server: Pure-FTPd takes CCC from whoever has signed in",
        Server.VSFTPD: "nothing is to be set: vsftpd has no CCC; have the gap accepted for that reason",
    },
    "transit-ftp-session-not-reused": {
        Server.VSFTPD: "set `require_ssl_reuse=YES`",
        Server.PROFTPD: "leave `NoSessionReuseRequired` out of TLSOptions",
    },
    "transit-unobserved": {
        Server.SEALGATE: 'open a door under [listen], such as `sftp = ":2022"`',
    },
}


def remedy(rule_id: str, server: Server | None) -> str | None:
    """Return what the administrator of *server* types for *rule_id*, ``None`` for plain words."""
    return FIXES.get(rule_id, {}).get(server) if server is not None else None
