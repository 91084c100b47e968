"""
Pyrage at work: ``seal RECIPIENT IN OUT`` and ``open KEYFILE IN OUT``, nothing else imported.
"""

import sys

import pyrage

verb, key, source, target = sys.argv[1:]
if verb == "seal":
    pyrage.encrypt_file(source, target, [pyrage.x25519.Recipient.from_str(key)])
else:
    with open(key, encoding="ascii") as file:  # noqa: PTH123  # pathlib takes time to import
        (line,) = [line for line in file.read().splitlines() if line.startswith("AGE-")]
    pyrage.decrypt_file(source, target, [pyrage.x25519.Identity.from_str(line)])
