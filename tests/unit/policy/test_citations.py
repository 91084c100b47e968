"""Clauses."""

from __future__ import annotations

from sealgate.policy.citations import rfc


def test_an_rfc_is_cited_with_its_address() -> None:
    """Number and section, and where to read it."""
    citation = rfc(9325, "3.1.1")
    assert str(citation) == "RFC 9325, 3.1.1"
    assert citation.url == "https://www.rfc-editor.org/rfc/rfc9325"
