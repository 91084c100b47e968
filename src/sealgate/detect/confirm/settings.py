"""
Secrets that only their key names: ``password=…``, ``"api_key": "…"``, ``PIN: …``.

A value counts when it is there and is not a placeholder, a reference to a value
elsewhere, a type name or code.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sealgate.detect.anchor import LIKELY, LONGEST_ANCHOR, POSSIBLE, Anchor, Found, kinds
from sealgate.detect.catalogue import Kind
from sealgate.detect.confirm.secrets import HASH_FORMATS

# What follows a key: the rest of its name, quotes, one separator, the value.
_ASSIGNED = re.compile(
    rb"(?P<open>\\?[\"'])?(?:\])?[ \t]{0,4}(?P<sep>:=|=>|->|==|=|:|>|,(?=\\?[\"']))[ \t]{0,4}"
    rb"(?:[bruf]{0,2}(?P<quote>\\?[\"'`])(?P<quoted>[^\r\n]{0,200}?)(?P=quote)"
    rb"|(?P<bare>[^\s\"'`,;<>&]{1,128}))"
)
_PLACEHOLDER = re.compile(
    rb"(?:[*xX.#_?-]{1,64}|\.{3}.*|(?:null|none|nil|true|false|yes|no|undefined|empty|hidden|masked|redacted|filtered"
    rb"|string|str|text|varchar.*|char.*|int|integer|bool|boolean|bytes|byte|any|optional|required|input|object|field|type|self|this|value|default"
    rb"|secret|password|passwd|passwort|pass|pwd|username|user|login|token|key|api_?key|example|sample|test_?value|placeholder|todo|tbd|n/?a|unset|missing|unknown|invalid|incorrect|wrong|expired|changed|reset|failed|accepted|prompt|ask|env|vault|file|encrypted|hashed|not|is|must|should|cannot|and|or|the|a|for|to|in|of|with|enter|please|here)[.!,:]?"
    rb"|<.*|\{.*|\$.*|%.*|@.*|\[.*|&.*|\(.*|\|.*|!.*(?:vault|ref|secret|env).*"
    rb"|pass(?:word|wd)?_[a-z_]+|arn:.*|your[_-].*|my[_-]?(?:password|secret|token|key).*|.*_here|(?:change|replace)[_-]?(?:me|it|this)[_-]?(?:please)?|insert.*|redacted.*|hidden.*"
    rb"|.*(?:\(|\)|\[[^\]]*\]|=>|\+\+|\$\{|\{\{).*)",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_CODE = re.compile(
    rb"(?:os|env|config|settings|self|this|process|request|req|args|options|params|ctx|data|user|form|app|system|conf|props?|secrets|var|local|module|input|credentials?)(?:\.|\[|->|::)[A-Za-z_]",
    re.IGNORECASE,
)
# The rest of a key's name that makes it something else than the secret.
_ABOUT = re.compile(
    rb"(?:hash|hashed|digest|file|path|field|label|reset|policy|url|uri|link|expir|len|min|max|requir|strength|hint|type|count|attempt|changed|change|forgot|generator|manager|prompt|salt|algo|encod|column|name|id\b|valid|error|message|help|input|form|page|placeholder|enabled|disable|protected|date|time|at\b|age|ttl|scope|format|regex|pattern|store|storage|safe|provider|class|view|handler|verif|check|cmd|command|auth)",
    re.IGNORECASE,
)
_PROSE = re.compile(
    rb"[ \t]{1,3}(?:(?:is|was|to|ist|lautet|es|est|\xc3\xa8|\xc3\xa9|\xe8|\xe9|of)[ \t]{0,2}:?[ \t]{1,3})?"
    rb"(?:(?P<open>[\"'`]|\xe2\x80[\x98\x9c\x9e])(?P<quoted>[^\r\n\"'`\xe2]{6,64})(?:[\"'`]|\xe2\x80[\x99\x9c\x9d])|(?P<bare>[^\s\"'`]{6,64}))"
)
_LETTER, _DIGIT_OR_SIGN = re.compile(rb"[A-Za-z]"), re.compile(rb"[0-9!@#$%^&*_+=?~]")


def _value(text: bytes, at: int, high: int) -> tuple[int, int, bool] | None:
    """Return start and end of the value assigned at *at*, and whether it stood in quotes."""
    found = _ASSIGNED.match(text, at, high)
    if found is None:
        return None
    if found["sep"] == b"==":
        return None
    if found["quoted"] is not None:
        return found.start("quoted"), found.end("quoted"), True
    return found.start("bare"), found.end("bare"), False


@dataclass(frozen=True, slots=True)
class _Key:
    """A key in the text: where its name starts, where its key word and its name end."""

    start: int
    rest: bytes
    name_end: int
    end: int


_Judge = Callable[[bytes, _Key, int, int], Found | None]

_QUOTES = r"(?:\\?[\"'\]]){0,3}[ \t]{0,3}"


def _keyed(
    name: str, kind: Kind, words: str, judge: _Judge, *, verbs: str = "", after: int = 240
) -> Anchor:
    """
    Return the anchor of a key: one of *words*, the rest of its name, and a separator.

    One expression serves Hyperscan and the confirm step. *verbs* are alternatives that
    may stand in the separator's place, as in "the PIN is".
    """
    separator = f"(?:[:=>,]{verbs})"
    expression = f"(?:{words})[a-z0-9_.-]{{0,20}}{_QUOTES}{separator}"
    key = re.compile(
        f"(?:{words})(?P<rest>[a-z0-9_.-]{{0,20}}){_QUOTES}{separator}\\Z".encode("latin-1"),
        re.IGNORECASE,
    )

    def confirm(text: bytes, end: int, low: int, high: int) -> Found | None:
        """Find the key that ends at the anchor, and let its judge read the value."""
        found = key.search(text, max(low, end - LONGEST_ANCHOR), end)
        if found is None:
            return None
        return judge(text, _Key(found.start(), found["rest"], found.end("rest"), end), low, high)

    return Anchor(
        name,
        expression,
        kinds(kind),
        confirm,
        before=LONGEST_ANCHOR + 32,
        after=after,
        caseless=True,
    )


_WORD_BEFORE = re.compile(
    rb"(?:[^A-Za-z]|(?<![A-Za-z])(?:user|db|my|ftp|smtp|imap|mail|root|admin|sql|ssh))\Z",
    re.IGNORECASE,
)


def _password(text: bytes, key: _Key, low: int, high: int) -> Found | None:  # noqa: PLR0911 - one line per reason
    """Confirm the value of a password key."""
    if key.rest and _ABOUT.search(key.rest):
        return None
    word = text[key.start : key.name_end - len(key.rest)].lower()
    if word == b"pass":  # also in "passed", "compass", "pass rate"
        before = _WORD_BEFORE.search(text, max(low, key.start - 12), key.start)
        if key.rest.strip(b"0123456789_") or before is None:
            return None
    span = _value(text, key.name_end, high)
    if span is None:
        return None if key.rest or word == b"pass" else _spoken(text, key.name_end, high)
    start, last, quoted = span
    if _tagged(text[key.name_end : start]) and not _xml(text, low, key.start):
        return None
    if not quoted:
        last = start + len(text[start:last].rstrip(b".,)"))
    value = text[start:last]
    if _is_no_secret(value, quoted=quoted) or HASH_FORMATS.match(value):
        return None
    if (
        not quoted
        and text[start - 1 : start] == b" "
        and value.isalpha()
        and value.islower()
        and text[last : last + 1] == b" "
    ):
        return None  # "password: please choose ..." is prose
    return start, last, Kind.PASSWORD, LIKELY


def _tagged(separator: bytes) -> bool:
    return b">" in separator and b"=>" not in separator and b"->" not in separator


def _xml(text: bytes, low: int, end: int) -> bool:
    opened = text.rfind(b"<", max(low, end - 40), end)
    return opened >= 0 and b" " not in text[opened:end] and b">" not in text[opened:end]


def _spoken(text: bytes, end: int, high: int) -> Found | None:
    """Confirm "the password is X" in prose, where X mixes letters with digits or signs."""
    found = _PROSE.match(text, end, high)
    if found is None:
        return None
    quoted = found["quoted"] is not None
    value = found["quoted"] if quoted else found["bare"].rstrip(b".,;:)?]}\xe2\x80\x9d")
    if _is_no_secret(value, quoted=quoted) or not _LETTER.search(value):
        return None
    if not _DIGIT_OR_SIGN.search(value) and not (quoted and not value.islower()):
        return None
    if not quoted and (_MAIL.match(value) or b"/" in value or _PROSE_WORD.fullmatch(value)):
        return None
    start = found.start("quoted" if quoted else "bare")
    return start, start + len(value), Kind.PASSWORD, POSSIBLE


_MAIL = re.compile(rb"[\w.+-]+@[\w-]+\.[\w.-]+\Z")
# "password-based", "password!", "password 2FA?": words of prose with a sign at the edge.
_PROSE_WORD = re.compile(rb"[A-Za-z_-]*[!?*]*|[0-9]+[A-Za-z]{0,3}|[A-Z]{2,4}[0-9]")


def _is_no_secret(value: bytes, *, quoted: bool) -> bool:
    if not value.strip() or _PLACEHOLDER.fullmatch(value):
        return True
    if quoted:
        return len(value.split()) > 6  # noqa: PLR2004 - a sentence, not a passphrase
    return _CODE.match(value) is not None or value[:1] in b"{[(<" or value[:2] in {b"//", b"--"}


def _entropy(value: bytes) -> float:
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


_DIGIT = re.compile(rb"[0-9]")
_SECRET_VALUE = re.compile(rb"[A-Za-z0-9+/=_.~:@!#%^*-]{16,200}")
_LEAST_ENTROPY = 3.0


def _secret(text: bytes, key: _Key, low: int, high: int) -> Found | None:  # noqa: PLR0911 - one line per reason
    """Confirm the value of a key or secret setting: long, mixed, and of high entropy."""
    if key.rest and _ABOUT.search(key.rest):
        return None
    span = _value(text, key.name_end, high)
    if span is None:
        return None
    start, last, quoted = span
    if _tagged(text[key.name_end : start]) and not _xml(text, low, key.start):
        return None
    value = text[start:last]
    if not _SECRET_VALUE.fullmatch(value) or _is_no_secret(value, quoted=quoted):
        return None
    if not _DIGIT.search(value) or _entropy(value) < _LEAST_ENTROPY or value.startswith(b"http"):
        return None
    if value.startswith(b"eyJ") or HASH_FORMATS.match(value):
        return None
    return start, last, Kind.ACCESS_TOKEN, LIKELY


_HEX = re.compile(rb"[0-9A-Fa-f]+")
_SESSION_VALUE = re.compile(rb"[A-Za-z0-9%._~+/=:-]{16,256}")


def _session(text: bytes, key: _Key, low: int, high: int) -> Found | None:
    """Confirm the value of a session cookie or key: at least 16 characters, not of words."""
    if key.rest and key.rest[:1].isalpha():
        return None  # "assessment"
    span = _value(text, key.name_end, high)
    if span is None:
        return None
    start, last, _ = span
    value = text[start:last]
    if not _SESSION_VALUE.fullmatch(value) or value.isalpha() or _PLACEHOLDER.fullmatch(value):
        return None
    if len(set(value)) < 6 or (len(_DIGIT.findall(value)) < 3 and not _HEX.fullmatch(value)):  # noqa: PLR2004 - a filler, or words
        return None
    bare = not key.rest and text[key.start : key.name_end].lower() in {b"session", b"sess"}
    if bare and text[max(low, key.start - 1) : key.start].isalnum():
        return None  # the end of another name, as in TrafficMirrorSession
    return start, last, Kind.SESSION_ID, LIKELY


_CODE_VALUE = re.compile(
    rb"[^0-9A-Za-z\n]{1,4}(?:(?:is|code|no|nr|number|ist|lautet|es|est)[^0-9A-Za-z\n]{1,4}){0,2}"
    rb"([0-9]{4,8})(?![0-9A-Za-z]|[.,:/-][0-9])",
    re.IGNORECASE,
)


def _access_code(text: bytes, key: _Key, low: int, high: int) -> Found | None:
    """Confirm four to eight digits right after a code word, with a separator or a verb between."""
    if key.rest or text[max(low, key.start - 1) : key.start].isalnum():
        return None
    found = _CODE_VALUE.match(text, key.name_end, high)
    if found is None:
        return None
    return found.start(1), found.end(1), Kind.ACCESS_CODE, LIKELY


_LOGIN_VALUE = re.compile(rb"[A-Za-z\x80-\xff][A-Za-z0-9._+\\\x80-\xff-]{1,63}")
_NO_LOGIN = re.compile(
    rb"(?:null|none|nil|true|false|string|str|text|anonymous|unknown|guest|system|default|user|username|name|login|id"
    rb"|self|this|required|optional|undefined|the|a|not|is|and|or|in|for|to|failed|successful|success|logged|root|n/a"
    rb"|varchar.*|char.*|int|integer|your.*)",
    re.IGNORECASE,
)


def _login(text: bytes, key: _Key, low: int, high: int) -> Found | None:
    """Confirm the value of a user-name key; numbers, placeholders and service words do not count."""
    if key.rest or text[max(low, key.start - 1) : key.start].isalnum():
        return None
    span = _value(text, key.name_end, high)
    if span is None:
        return None
    start, last, quoted = span
    value = text[start:last].rstrip(b".,)")
    last = start + len(value)
    if not _LOGIN_VALUE.fullmatch(value) or _NO_LOGIN.fullmatch(value):
        return None
    if not quoted and (_CODE.match(value) or text[last : last + 1] in {b"(", b"["}):
        return None
    if _tagged(text[key.name_end : start]) and not _xml(text, low, key.start):
        return None
    sure = quoted or b"=" in text[key.name_end : start]
    return start, last, Kind.LOGIN, LIKELY if sure else POSSIBLE


_FLAG_VALUE = re.compile(rb"[\"']?([^\s\"'`<>|;&$-][^\s\"'`<>|;&]{2,64})")


def after_flag(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm the word after ``--password`` or ``IDENTIFIED BY``; the anchor ends before it."""
    del low
    found = _FLAG_VALUE.match(text, end, high)
    if found is None or _is_no_secret(found[1], quoted=False):
        return None
    return found.start(1), found.end(1), Kind.PASSWORD, LIKELY


ANCHORS = (
    _keyed(
        "password-key",
        Kind.PASSWORD,
        "passw(?:or)?d|passwort|pwd|passphrase|kennwort|contrase(?:\xc3\xb1|\xf1|n)a|clave|mot[_ ]?de[_ ]?passe"
        "|mdp|wachtwoord|senha|pass|[_.-]psk|[_.-]pw",
        _password,
        verbs="|[ ]",
    ),
    Anchor(
        "password-flag",
        "--(?:[a-z]{1,12}-)?pass(?:word|phrase|wd)? ",
        kinds(Kind.PASSWORD),
        after_flag,
        before=32,
        after=96,
    ),
    Anchor(
        "identified-by",
        "identified (?:by|with [a-z0-9_]{3,24} by) ['\"]",
        kinds(Kind.PASSWORD),
        after_flag,
        before=48,
        after=96,
        caseless=True,
    ),
    _keyed(
        "secret-key",
        Kind.ACCESS_TOKEN,
        "api[_-]?key|secret|access[_-]?key|token|encryption[_-]?key|signing[_-]?key|private[_-]?key|[a-z][_-]key",
        _secret,
    ),
    _keyed(
        "session-key",
        Kind.SESSION_ID,
        "sess(?:ion)?[_-]?(?:id|key|token)?|phpsessid|jsessionid|asp\\.net_sessionid|connect\\.sid|fe_typo_user|be_typo_user|[^a-z]sid",
        _session,
        after=280,
    ),
    _keyed(
        "access-code",
        Kind.ACCESS_CODE,
        "pin|tan|otp|pass ?code|access code|door code|entry code|one[- ]time (?:code|password)|verification code|zugangscode"
        "|t\xc3\xbcrcode|sicherheitscode|c\xc3\xb3digo de acceso|c\xc3\xb3digo de verificaci\xc3\xb3n|code d'acc\xc3\xa8s"
        "|toegangscode|codice di accesso|recovery code",
        _access_code,
        verbs="| (?:is|code|ist|es|est|no|nr) ",
        after=48,
    ),
    _keyed(
        "login-key",
        Kind.LOGIN,
        "user[_-]?name|user[_-]?id|login(?:[_-]?name)?|benutzer(?:name)?|usuario|utilisateur|utente|gebruiker(?:snaam)?|user|uid|usr",
        _login,
        after=96,
    ),
)
