from __future__ import annotations

import json
import re
from typing import Any

from sealgate.gateway.translate.bootstrap import bootstrap


def test_admin_is_a_socket_for_the_owner() -> None:
    """Nobody but the user that runs Envoy may steer it, and no port is open for it."""
    made: Any = bootstrap("/run/x")
    address = made["admin"]["address"]
    assert address == {"pipe": {"path": "/run/x/admin.sock", "mode": 0o600}}


def test_statistics_keep_what_a_reload_waits_for() -> None:
    """What tells that a configuration is in effect or was refused is among the few kept."""
    text = json.dumps(bootstrap("/x"))
    patterns = [p.replace("\\\\", "\\") for p in re.findall(r'"regex": "(.*?)"', text)]
    for name in (
        "listener_manager.lds.update_rejected",
        "cluster_manager.cds.version_text",
        "sds.certificate shop_example.update_rejected",
        "http.https.rds.https shop_example.version_text",
        "http.https.downstream_rq_active",
        "cluster_manager.warming_clusters",
    ):
        assert any(re.fullmatch(pattern, name) for pattern in patterns), name
    assert not any(re.fullmatch(p, "cluster.site x.upstream_rq_time") for p in patterns)
