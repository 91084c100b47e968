"""
Pyrage at work: ``seal RECIPIENT IN OUT`` and ``open KEYFILE IN OUT``, nothing else imported.

With ``-`` for OUT it streams to standard output.
"""

import sys

import pyrage

verb, key, source, target = sys.argv[1:]
if verb == "seal":
    recipients = [pyrage.x25519.Recipient.from_str(key)]
    if target == "-":
        with open(source, "rb") as plain:  # noqa: PTH123  # pathlib takes time to import
            pyrage.encrypt_io(plain, sys.stdout.buffer, recipients)
    else:
        pyrage.encrypt_file(source, target, recipients)
else:
    with open(key, encoding="ascii") as file:  # noqa: PTH123  # pathlib takes time to import
        (line,) = [line for line in file.read().splitlines() if line.startswith("AGE-")]
    identities = [pyrage.x25519.Identity.from_str(line)]
    if target == "-":
        with open(source, "rb") as sealed:  # noqa: PTH123  # as above
            pyrage.decrypt_io(sealed, sys.stdout.buffer, identities)
    else:
        pyrage.decrypt_file(source, target, identities)
