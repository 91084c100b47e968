import re

import pytest

from sealgate.signin.words import ENGLISH, LANGUAGES, language_of


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything(language: str) -> None:
    """Each table has the same sentences with the same blanks."""
    table = LANGUAGES[language]
    assert table.keys() == ENGLISH.keys()
    for name, sentence in ENGLISH.items():
        assert set(re.findall("{.*?}", table[name])) == set(re.findall("{.*?}", sentence)), name


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", "en"),
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("fr, de;q=0.5", "de"),
        ("xx", "en"),
        ("EN-gb", "en"),
    ],
)
def test_the_first_language_that_is_spoken(accepted: str, expected: str) -> None:
    """The first wish that can be met is met; English is for everybody else."""
    assert language_of(accepted) == expected
