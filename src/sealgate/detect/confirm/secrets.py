"""
Secrets that carry their own mark: issuer prefixes, armour lines, hash formats, JWTs.

Each issuer's format is as it documents it, or as it publishes it for secret scanners.
"""

from __future__ import annotations

import base64
import binascii
import json
import re

from sealgate.detect.anchor import CONFIRMED, EDGE, LIKELY, Anchor, Confirm, Found, kinds
from sealgate.detect.model import Kind

# prefix, what follows it. A prefix is matched with an edge before it.
_TOKENS: tuple[tuple[str, str, str], ...] = (
    ("aws-key", "(?:AKIA|ASIA|ABIA|ACCA)", "[A-Z0-9]{16}"),
    ("github", "gh[pousr]_", "[A-Za-z0-9]{36,251}"),
    ("github-fine", "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("gitlab", "gl(?:pat|dt|rt|cbt|ptt|ft|soat)-", "[A-Za-z0-9_.-]{20,64}"),
    ("slack", "xox[abeprs]-", "[A-Za-z0-9-]{10,250}"),
    ("slack-app", "xapp-", "[0-9]-[A-Z0-9]{8,16}-[0-9]{8,16}-[a-z0-9]{32,80}"),
    ("slack-hook", "hooks\\.slack\\.com/services/", "T[A-Z0-9]{7,12}/B[A-Z0-9]{7,12}/[A-Za-z0-9]{20,28}"),
    ("stripe", "[sr]k_(?:live|test)_", "[A-Za-z0-9]{16,128}"),
    ("stripe-hook", "whsec_", "[A-Za-z0-9+/=]{32,64}"),
    ("google-api", "AIza", "[A-Za-z0-9_-]{35}"),
    ("google-oauth", "GOCSPX-", "[A-Za-z0-9_-]{28}"),
    ("google-access", "ya29\\.", "[A-Za-z0-9_-]{20,400}"),
    ("openai", "sk-(?:proj-|svcacct-|admin-|ant-)", "[A-Za-z0-9_-]{32,200}"),
    ("openai-old", "sk-[A-Za-z0-9]{4}", "[A-Za-z0-9]{16}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{44}"),
    ("sendgrid", "SG\\.", "[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}"),
    ("npm", "npm_", "[A-Za-z0-9]{36}"),
    ("pypi", "pypi-AgE", "[A-Za-z0-9_-]{50,400}"),
    ("digitalocean", "do[oprt]_v1_", "[a-f0-9]{64}"),
    ("shopify", "shp(?:at|ca|pa|ss)_", "[a-fA-F0-9]{32}"),
    ("square", "sq0(?:atp|csp|idp)-", "[A-Za-z0-9_-]{22,43}"),
    ("huggingface", "hf_", "[A-Za-z]{34}"),
    ("databricks", "dapi", "[a-f0-9]{32}"),
    ("vault", "hv[sbr]\\.", "[A-Za-z0-9_-]{24,200}"),
    ("telegram", "[0-9]{8,10}:AA", "[A-Za-z0-9_-]{33}"),
    ("mailgun", "key-", "[a-f0-9]{32}"),
    ("twilio", "SK", "[a-f0-9]{32}"),
    ("facebook", "EAACEdEose0cBA", "[A-Za-z0-9]{20,400}"),
    ("linear", "lin_api_", "[A-Za-z0-9]{40}"),
    ("azure-account", "AccountKey=", "[A-Za-z0-9+/]{86}=="),
    ("sentry", "sntry[su]_", "[A-Za-z0-9+/=_-]{40,200}"),
    ("grafana", "gl(?:c|sa)_", "[A-Za-z0-9_+/=-]{32,400}"),
    ("dockerhub", "dckr_pat_", "[A-Za-z0-9_-]{27}"),
    ("terraform", "[A-Za-z0-9]{14}\\.atlasv1\\.", "[A-Za-z0-9_=-]{60,70}"),
    ("basic-or-bearer", "[Aa]uthorization[\"']?: ?[\"']?(?:Basic|Bearer|basic|bearer|Token|token) ", "[A-Za-z0-9+/=._~-]{8,500}"),
)  # fmt: skip
_WIDEST_PREFIX = 64


def _token(prefix: str, tail: str) -> Confirm:
    whole = re.compile(f"({prefix})(?:{tail})(?![A-Za-z0-9])".encode("ascii"))
    # Where the prefix is only a header's name, the value alone is the token.
    header = "uthorization" in prefix or prefix.endswith("=")

    def confirm(text: bytes, end: int, low: int, high: int) -> Found | None:
        """
        Confirm the length and alphabet that the issuer documents behind its prefix.
        """
        for start in range(end - 1, max(low, end - _WIDEST_PREFIX) - 1, -1):
            found = whole.match(text, start, high)
            if found is not None and found.end(1) == end and not _inside(text, start, low):
                value = found.end(1) if header else start
                if text[value : value + 3] == b"eyJ" and text[value : found.end()].count(b".") >= 2:  # noqa: PLR2004 - the JWT detector's
                    return None
                return value, found.end(), Kind.ACCESS_TOKEN, CONFIRMED
        return None

    return confirm


def _inside(text: bytes, start: int, low: int) -> bool:
    return start > low and text[start - 1 : start].isalnum()


_JWT = re.compile(
    rb"eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{2,8000}(?:\.[A-Za-z0-9_-]{0,8000}){1,3}"
)


def jwt(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm that the first part decodes to a JSON object with an algorithm (RFC 7515, 4.1.1).
    """
    del low
    start = end - 8
    found = _JWT.match(text, start, high)
    if found is None:
        return None
    head = found.group().split(b".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or "alg" not in header:
        return None
    return start, found.end(), Kind.JWT, CONFIRMED


_PEM = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?)-----")
_CONTENT = re.compile(rb"[A-Za-z0-9+/=]{16}")
# Headers of an encrypted or PGP key (RFC 1421, 4.6; RFC 9580, 6.2) fit in here.
_HEADERS = 480


def pem(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm an armour line with base64 content behind it; the match spans to its end line.
    """
    start = text.rfind(b"-----BEGIN", low, end)
    found = _PEM.match(text, start, high) if start >= 0 else None
    if found is None or found.end() != end:
        return None
    closing = b"-----END " + found[1] + b"-----"
    stop = text.find(closing, end, high)
    if _CONTENT.search(text, end, min(high, end + _HEADERS) if stop < 0 else stop) is None:
        return None
    return start, (stop + len(closing) if stop >= 0 else high), Kind.PRIVATE_KEY, CONFIRMED


_AGE_KEY = re.compile(rb"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,2000}")


def age_key(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm an age identity (Bech32 behind its prefix).
    """
    start = text.rfind(b"AGE-SECRET-KEY-", low, end)
    found = _AGE_KEY.match(text, start, high) if start >= 0 else None
    return None if found is None else (start, found.end(), Kind.PRIVATE_KEY, CONFIRMED)


# What each stored-password scheme writes. crypt(5), PHC string format, passlib, Django,
# werkzeug, phpass, RFC 2307.
_B64 = rb"[A-Za-z0-9./]"
HASH_FORMATS = re.compile(
    rb"\$2[abxy]?\$[0-9]{2}\$" + _B64 + rb"{53}"
    rb"|\$argon2(?:id|i|d)\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}"
    rb"|\$1\$" + _B64 + rb"{0,8}\$" + _B64 + rb"{22}"
    rb"|\$apr1\$" + _B64 + rb"{0,8}\$" + _B64 + rb"{22}"
    rb"|\$5\$(?:rounds=[0-9]+\$)?" + _B64 + rb"{0,16}\$" + _B64 + rb"{43}"
    rb"|\$6\$(?:rounds=[0-9]+\$)?" + _B64 + rb"{0,16}\$" + _B64 + rb"{86}"
    rb"|\$(?:y|gy|7)\$" + _B64 + rb"{2,12}\$" + _B64 + rb"{1,86}\$" + _B64 + rb"{43}"
    rb"|\$[PH]\$" + _B64 + rb"{31}"
    rb"|\$S\$" + _B64 + rb"{52}"
    rb"|\$wp\$2y\$[0-9]{2}\$" + _B64 + rb"{53}"
    rb"|\$scrypt\$[a-z0-9=,]+\$[A-Za-z0-9+/=.]{8,}\$[A-Za-z0-9+/=.]{16,}"
    rb"|\$pbkdf2(?:-sha(?:1|256|512))?\$[0-9]+\$[A-Za-z0-9+/=.]{8,}\$[A-Za-z0-9+/=.]{16,}"
    rb"|\{(?:SSHA(?:256|512)?|SHA(?:256|512)?|MD5|SMD5|CRYPT)\}[A-Za-z0-9+/=$.]{13,128}"
    rb"|pbkdf2_sha(?:1|256)\$[0-9]+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]{20,}"
    rb"|(?:bcrypt_sha256\$|bcrypt)\$\$2[aby]\$[0-9]{2}\$" + _B64 + rb"{53}"
    rb"|argon2\$argon2(?:id|i|d)\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}"
    rb"|pbkdf2:sha(?:1|256|512)(?::[0-9]+)?\$[A-Za-z0-9]+\$[a-f0-9]{40,128}"
    rb"|scrypt:[0-9]+:[0-9]+:[0-9]+\$[A-Za-z0-9]+\$[a-f0-9]{64,128}"
    rb"|scrypt\$[0-9]+\$[A-Za-z0-9+/=]+\$[0-9]+\$[0-9]+\$[A-Za-z0-9+/=]{40,}"
    rb"|(?:sha1|md5)\$[A-Za-z0-9]{1,32}\$[a-f0-9]{32,40}"
)  # fmt: skip


def password_hash(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm prefix, parameters and length of a stored-password format.
    """
    for start in range(max(low, end - 16), end):
        found = HASH_FORMATS.match(text, start, high)
        if found is not None and found.end() > end and not _inside(text, start, low):
            return start, found.end(), Kind.PASSWORD_HASH, CONFIRMED
    return None


_USERINFO = re.compile(rb"[a-z][a-z0-9+.-]{1,15}://([^\s:/@\"'<>]{0,64}):([^\s/@\"'<>]{1,64})@")
_REFERENCE = re.compile(
    rb"[${<%\[*]|\{\{|xxx|password\Z|passwd\Z|pass\Z|pwd\Z|secret\Z|user\Z", re.IGNORECASE
)


def url_password(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm ``scheme://user:password@host`` (RFC 3986, 3.2.1), unless it is a reference.
    """
    start = text.rfind(b"://", low, end)
    while start > low and text[start - 1 : start].isalnum():
        start -= 1
    found = _USERINFO.match(text, start, high) if start >= 0 else None
    if found is None or _REFERENCE.match(found[2]):
        return None
    return found.start(2), found.end(2), Kind.PASSWORD, LIKELY


ANCHORS = (
    *(
        Anchor(
            f"token-{name}",
            EDGE + prefix + ("[a-f0-9]" if name in {"twilio", "mailgun"} else ""),
            kinds(Kind.ACCESS_TOKEN),
            _token(
                prefix + ("[a-f0-9]" if name in {"twilio", "mailgun"} else ""),
                tail.replace("{32}", "{31}") if name in {"twilio", "mailgun"} else tail,
            ),
            before=80,
            after=560,
        )
        for name, prefix, tail in _TOKENS
    ),
    Anchor("jwt", f"{EDGE}eyJ[A-Za-z0-9_-]{{5}}", kinds(Kind.JWT), jwt, before=16, after=8192),
    Anchor(
        "private-key",
        "PRIVATE KEY(?: BLOCK)?-----",
        kinds(Kind.PRIVATE_KEY),
        pem,
        before=64,
        after=8192,
    ),
    Anchor(
        "age-key",
        "AGE-SECRET-KEY-(?:PQ-)?1",
        kinds(Kind.PRIVATE_KEY),
        age_key,
        before=32,
        after=2100,
    ),
    Anchor(
        "password-hash",
        "\\$(?:2[abxy]?|argon2id?|argon2d|[156]|apr1|y|gy|7|[PHS]|wp\\$2y|scrypt|pbkdf2(?:-sha[0-9]{1,3})?)\\$"
        "|\\{(?:SSHA|SHA|SMD5|MD5|CRYPT)(?:256|512)?\\}"
        "|pbkdf2_sha(?:1|256)\\$|pbkdf2:sha|scrypt:[0-9]|scrypt\\$[0-9]|argon2\\$argon2|(?:sha1|md5)\\$[A-Za-z0-9]{1,32}\\$",
        kinds(Kind.PASSWORD_HASH),
        password_hash,
        before=64,
        after=256,
    ),
    Anchor(
        "url-password",
        "://[^\\s:/@\"'<>]{0,40}:[^\\s/@\"'<>]{1,40}@",
        kinds(Kind.PASSWORD),
        url_password,
        before=112,
        after=8,
    ),
)
