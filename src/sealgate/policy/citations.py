"""
The clauses that more than one rule rests on.
"""

from __future__ import annotations

from sealgate.policy.finding import Citation

_GUIDELINE = 'guideline "Encrypted client/server communication"'

GUIDELINE_CLASSES = Citation(_GUIDELINE, 'table "Data Classification"')
GUIDELINE_CONFIDENTIAL = Citation(
    _GUIDELINE, "Data Classification: must not be transmitted unencrypted at all"
)
GUIDELINE_MINIMISE = Citation(
    _GUIDELINE, "Data Classification: do neither transmit nor store what is not required"
)
GUIDELINE_FRONTEND = Citation(_GUIDELINE, "TLS Frontend")
GUIDELINE_BACKEND = Citation(_GUIDELINE, "Backend")


def rfc(number: int, clause: str) -> Citation:
    """
    Return the citation of section *clause* of RFC *number*.
    """
    return Citation(f"RFC {number}", clause, f"https://www.rfc-editor.org/rfc/rfc{number}")


MOZILLA_MODERN = Citation("Mozilla server-side TLS", "modern")
MOZILLA_INTERMEDIATE = Citation("Mozilla server-side TLS", "intermediate")
HTTPS_VERIFICATION = rfc(9110, "4.3.4")
COMMON_VERSIONS = rfc(9325, "3.1.1")
