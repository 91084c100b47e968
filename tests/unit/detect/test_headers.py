"""How a column's name is read."""

from __future__ import annotations

import pytest

from sealgate.detect import Kind
from sealgate.detect.headers import normal, rules_for


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("firstName", "_first_name_"),
        ("First Name", "_first_name_"),
        ("FIRST_NAME", "_first_name_"),
        ("IBANNumber", "_iban_number_"),
        ("Straße-Nr.2", "_strasse_nr_2_"),
        ("Prénom", "_prenom_"),
        ("", "__"),
    ],
)
def test_normal(name: str, expected: str) -> None:
    """Case, punctuation and accents do not matter."""
    assert normal(name) == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Nachname", Kind.PERSON_NAME),
        ("apellidos", Kind.PERSON_NAME),
        ("prénom", Kind.PERSON_NAME),
        ("cognome", Kind.PERSON_NAME),
        ("achternaam", Kind.PERSON_NAME),
        ("sobrenome", Kind.PERSON_NAME),
        ("fecha de nacimiento", Kind.BIRTH_DATE),
        ("date de naissance", Kind.BIRTH_DATE),
        ("data di nascita", Kind.BIRTH_DATE),
        ("geboortedatum", Kind.BIRTH_DATE),
        ("data de nascimento", Kind.BIRTH_DATE),
        ("mot de passe", Kind.PASSWORD),
        ("wachtwoord", Kind.PASSWORD),
        ("contraseña", Kind.PASSWORD),
        ("senha", Kind.PASSWORD),
        ("indirizzo", Kind.STREET_ADDRESS),
        ("endereço", Kind.STREET_ADDRESS),
        ("codice fiscale", Kind.NATIONAL_ID),
    ],
)
def test_languages(name: str, kind: Kind) -> None:
    """The first rule that a header calls up is its kind, in seven languages."""
    assert rules_for(normal(name))[0].kind is kind
