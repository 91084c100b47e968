"""What payment pages tell browsers."""

from __future__ import annotations

from sealgate.gateway.translate.payment import payment_headers
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes


def headers(*, payment: bool, scripts: tuple[str, ...] = (), reports: str = "") -> dict[str, str]:
    """Return the headers of a route, by name."""
    route = Route(
        Door("/"), PUBLIC, CONFIDENTIAL, payment=payment, scripts=scripts, script_reports=reports
    )
    found = {}
    for item in payment_headers(route):
        assert isinstance(item, dict)
        given = item["header"]
        assert isinstance(given, dict)
        overwrites = item["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"
        # A site's own policy is kept: the two together can only be stricter.
        assert overwrites is (given["key"] == "cache-control")
        found[str(given["key"])] = str(given["value"])
    return found


def test_other_pages_get_nothing() -> None:
    """No header costs a page on which nobody pays."""
    assert headers(payment=False) == {}


def test_named_scripts_are_enforced() -> None:
    """The list stands in the policy, and what would go around it is shut."""
    found = headers(payment=True, scripts=("'self'", "https://js.pay.example"))

    assert found == {
        "cache-control": "no-store",
        "content-security-policy": "script-src 'self' https://js.pay.example; "
        "object-src 'none'; base-uri 'self'",
    }


def test_without_a_list_everything_is_reported_and_nothing_blocked() -> None:
    """Where somebody reads them, reports tell what the list must hold."""
    found = headers(payment=True, reports="https://reports.example/csp")

    assert "content-security-policy" not in found
    policy = found["content-security-policy-report-only"]
    assert policy.startswith("script-src 'none'; ")
    assert policy.endswith("; report-uri https://reports.example/csp; report-to sealgate-scripts")
    assert found["reporting-endpoints"] == 'sealgate-scripts="https://reports.example/csp"'
