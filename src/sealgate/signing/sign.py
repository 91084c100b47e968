"""
Signs the head of an answer, which vouches for the body by its digest.

What is covered: the status, every field of the answer that is sent, and of the request the
method, authority, path and query, so that an answer cannot be shown for another address.
What a request made conditional is covered, too: a 304 says something only about that.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING

from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519

from sealgate.signing.fields import view
from sealgate.signing.keys import private_key
from sealgate.signing.model import LABEL, TAG, VALID_SECONDS, Answer

if TYPE_CHECKING:
    from sealgate.signing.keys import SigningKey
    from sealgate.signing.model import Fields, Request

OF_REQUEST = ("@method", "@authority", "@path", "@query")
# RFC 9110, 13.1: what makes a 304 true.
CONDITIONS = ("if-none-match", "if-modified-since")


def content_digest(digest: bytes) -> str:
    """Return the value of Content-Digest for the SHA-256 *digest* of a body as it is sent."""
    return f"sha-256=:{base64.b64encode(digest).decode('ascii')}:"


class Signer:
    """Signs with one key. Making one reads the key, so keep it."""

    def __init__(self, key: SigningKey) -> None:
        self.kid = key.kid
        self._algorithm = ED25519(private_key=private_key(key.pem))  # type: ignore[no-untyped-call]
        self._preparer = HTTPMessageSigner(signature_algorithm=ED25519)

    def fields(self, request: Request, answer: Answer, digest: bytes, now: float) -> Fields:
        """
        Return the fields to send: those of *answer* with digest and signature.

        Of *answer* every field is sent and covered. *digest* is the SHA-256 of the body.
        *now* is in seconds since the epoch.

        Raises:
            ValueError: something in *request* or *answer* cannot be signed (RFC 9421, 2.1).
        """
        fields = (*answer.fields, ("content-digest", content_digest(digest)))
        names = dict.fromkeys(name.lower() for name, _ in fields)
        asked = {name.lower() for name, _ in request.fields}
        covered = [
            '"@status"',
            *(f'"{name}"' for name in names),
            *(f'"{name}";req' for name in OF_REQUEST),
            *(f'"{name}";req' for name in CONDITIONS if name in asked),
        ]
        created = dt.datetime.fromtimestamp(int(now), dt.UTC)
        try:
            prepared = self._preparer.prepare(
                view(request, Answer(answer.status, fields)),
                key_id=self.kid,
                created=created,
                expires=created + dt.timedelta(seconds=VALID_SECONDS),
                label=LABEL,
                tag=TAG,
                covered_component_ids=covered,
                use_existing_digest=True,
            )
        except Exception as error:
            # The library's own, and whatever an odd field makes a parser raise.
            raise ValueError("this answer cannot be signed") from error
        # The library's apply() resolves everything a second time, for signers far away: half
        # of the time of a signature. RFC 9421, 4.1 and 4.2 are these two lines.
        signature = base64.b64encode(self._algorithm.sign(prepared.signature_base)).decode("ascii")
        return (
            *fields,
            ("signature-input", f"{LABEL}={prepared.signature_params}"),
            ("signature", f"{LABEL}=:{signature}:"),
        )
