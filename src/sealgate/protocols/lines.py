"""
Text that must stay one line, whoever wrote it. Pure.

Replies of FTP, warnings of SCP, long names of SFTP and what a terminal shows are lines: a
name or a sentence with the end of a line in it would be read as two.
"""

from __future__ import annotations


def sentence(text: str) -> str:
    """Return *text* as one line that cannot end early, nor steer a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "?" for letter in text)
