from __future__ import annotations

from typing import Any

from sealgate.gateway.model import Material
from sealgate.gateway.translate.access_log import access_log
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route, Site, Upstream

PUBLIC, RESTRICTED, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
FAILED, CERTIFICATE, SESSION = "status_code_filter", "header_filter", "metadata_filter"
LOCKED = Route(Door("/lock"), CONFIDENTIAL, admit=("user:a",))


def written(*routes: Route) -> list[str]:
    """Return by which conditions a request on a site with *routes* is written down."""
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 1), routes)
    condition: Any = access_log(Material("/x", {}), site)["filter"]
    return [
        kind for one in condition.get("or_filter", {}).get("filters", [condition]) for kind in one
    ]


def test_who_passed_is_looked_for_where_somebody_can() -> None:
    """Refusals and failures are written everywhere, the rest where the site has such a lock."""
    board = Route(Door("/board"), CONFIDENTIAL, admit=("user:a",), sign_in=True)
    public, members = Route(Door("/"), PUBLIC), Route(Door("/members"), RESTRICTED)
    assert written(public) == written(public, members) == [FAILED]
    assert written(public, Route(Door("/lock"), CONFIDENTIAL)) == [FAILED]
    assert written(public, LOCKED) == [CERTIFICATE, FAILED]
    assert written(public, board) == [CERTIFICATE, FAILED, SESSION]


def test_the_plain_port_writes_refusals() -> None:
    """Nothing is locked there, and nothing of a query is ever written."""
    log: Any = access_log(Material("/x", {}))
    assert list(log["filter"]) == [FAILED]
    assert log["typed_config"]["path"] == "/x/access.log"
    fields = log["typed_config"]["log_format"]["json_format"]
    assert fields["request"].startswith("%REQ(:METHOD)% %CEL(")
    assert fields["request"].endswith(" ? '(left out)' : request.url_path)%")
