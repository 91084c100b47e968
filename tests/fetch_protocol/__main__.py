"""Sealgate with one line more in its table of protocols."""

from sealgate.protocols import table
from tests.fetch_protocol.definition import SERVER

table.SERVERS = (*table.SERVERS, SERVER)

from sealgate.cli import main  # noqa: E402  # what reads the table is loaded after it

if __name__ == "__main__":
    main()
