"""What a program is told that is not let in: problem details (RFC 9457), as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.signin.journey import sign_in_link

if TYPE_CHECKING:
    from sealgate.signin.model import SignInState

UNAUTHORIZED, FORBIDDEN = 401, 403  # RFC 9110, 15.5.2 and 15.5.4


def problem(standing: SignInState, wanted: str) -> tuple[int, dict[str, Any]]:
    """
    Return the status and the members of the answer to somebody who stands so.

    401 while nobody is known, for then a sign-in would help; else 403.
    """
    status = UNAUTHORIZED if standing.known is None else FORBIDDEN
    place = standing.place
    lacking = [
        {"need": str(item.need), "detail": item.sentence, "todo": item.remedy}
        for item in standing.missing
    ]
    if lacking:
        detail = "; ".join(item["detail"] for item in lacking)
    else:
        detail = "this account is not admitted here"
    return status, {
        "type": "about:blank",
        "title": "not signed in" if status == UNAUTHORIZED else "not enough to enter",
        "status": status,
        "detail": detail,
        "class": place.route.classification.name,
        "missing": lacking,
        "sign_in": sign_in_link(wanted),
    }
