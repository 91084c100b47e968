"""Lets ``python -m sealgate`` do what ``sealgate`` does."""

from sealgate.cli import main

if __name__ == "__main__":
    main()
