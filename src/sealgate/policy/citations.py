"""The clauses that more than one rule rests on."""

from __future__ import annotations

from sealgate.policy.finding import Citation

# TYPO3 security guidelines, page "Encrypted Client/server Communication": the text that
# the default classification model is taken from.
_GUIDELINE = "TYPO3 security guideline"

GUIDELINE_CLASSES = Citation(_GUIDELINE, "Data Classification, table")
# "... must not be transmitted unencrypted at all."
GUIDELINE_CONFIDENTIAL = Citation(_GUIDELINE, "Data Classification, paragraph 2")
# "... do neither transmit nor store any sensitive data if not absolutely required."
GUIDELINE_MINIMISE = Citation(_GUIDELINE, "Data Classification, last paragraph")
GUIDELINE_FRONTEND = Citation(_GUIDELINE, "TLS Frontend")
GUIDELINE_BACKEND = Citation(_GUIDELINE, "Backend")
# "... use encrypted services ... instead of `FTP`, where data is transferred unencrypted."
GUIDELINE_FTP = Citation(_GUIDELINE, "Drop FTP")


def rfc(number: int, clause: str) -> Citation:
    """Return the citation of section *clause* of RFC *number*, of all of it when that is ""."""
    return Citation(f"RFC {number}", clause, f"https://www.rfc-editor.org/rfc/rfc{number}")


MOZILLA_MODERN = Citation("Mozilla server-side TLS", "modern")
MOZILLA_INTERMEDIATE = Citation("Mozilla server-side TLS", "intermediate")
HTTPS_VERIFICATION = rfc(9110, "4.3.4")
COMMON_VERSIONS = rfc(9325, "3.1.1")
SSH_MLKEM = Citation(
    "draft-ietf-sshm-mlkem-hybrid-kex",
    "",
    "https://datatracker.ietf.org/doc/draft-ietf-sshm-mlkem-hybrid-kex/",
)
SP_800_131A = Citation("NIST SP 800-131A Rev. 2", "3", "https://doi.org/10.6028/NIST.SP.800-131Ar2")
