"""Runs the shop on loopback: ``python -m sealgate.demo.shop --database F --log F``."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from sealgate.demo.shop.data import make_database
from sealgate.demo.shop.site import make_site


def main() -> None:
    """Serve until stopped; *--fd* is a listening socket that the caller already holds."""
    parser = argparse.ArgumentParser(prog="python -m sealgate.demo.shop", description=__doc__)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--fd", type=int)
    options = parser.parse_args()
    if not options.database.exists():
        make_database(options.database)
    uvicorn.run(
        make_site(options.database, options.log),
        host="127.0.0.1",
        port=options.port,
        fd=options.fd,
        log_level="warning",
        access_log=False,
        server_header=False,
        # The gateway keeps connections to the site open; closing them first would race.
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
