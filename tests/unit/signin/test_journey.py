import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.identity.model import Identity
from sealgate.signin.journey import is_admitted, safe_path, sign_in_link


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/b?c=d&e=//f", "/%2f%2fevil", "/[x]", "/a?b=https://c"]
)
def test_paths_of_this_site_are_kept(path: str) -> None:
    """What every browser reads as a path of this site stays as it is."""
    assert safe_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "//evil.example", "/\\evil.example", "\\\\evil", "https://evil", "/\t/evil"),
        *(
            "/\n/evil",
            " /a",
            "/a b",
            "/a#b",
            "/é",
            "/a\\b",
            "javascript:alert(1)",
            "/" + "a" * 3000,
        ),
        *("/.sealgate", "/.sealgate/sign-in", "/.sealgate?x"),
    ],
)
def test_everything_else_leads_home(path: str) -> None:
    """Another host, a page of our own, and what browsers read in several ways become "/"."""
    assert safe_path(path) == "/"


@given(st.text())
def test_no_text_leads_to_another_host(text: str) -> None:
    """Whatever comes in, what comes out is one slash and then no other."""
    path = safe_path(text)
    assert path.startswith("/")
    assert path[1:2] not in {"/", "\\"}
    assert path.isascii()
    assert path.isprintable()


def test_the_link_brings_the_path_along() -> None:
    """The path stands in the link so that no character of it means anything there."""
    assert sign_in_link("/a?b=c&d") == "/.sealgate/sign-in?to=/a%3Fb%3Dc%26d"
    assert sign_in_link("//evil") == "/.sealgate/sign-in?to=/"


@pytest.mark.parametrize(
    ("admit", "expected"),
    [
        (("user:anna",), True),
        (("group:staff",), True),
        (("group:other", "user:anna"), True),
        (("group:anna", "user:staff"), False),
        (("anna",), False),
        ((), False),
    ],
)
def test_admission_is_by_name_or_group(admit: tuple[str, ...], *, expected: bool) -> None:
    """An entry means a user or a group, and nothing else admits."""
    assert is_admitted(admit, Identity("anna", ("staff",))) is expected
