"""
Judges what a browser sends for a passkey, with the library ``webauthn`` (py_webauthn).

Functions over values: nothing is stored or counted here. Everything that the library
raises on a stranger's bytes ends here, as :class:`~sealgate.identity.passkeys.PasskeyError`.
The user must always be verified (PIN or biometrics), or a passkey would be no more than a
key that lay about; and a page in a frame of another site may not ask.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from sealgate.identity.passkeys import (
    CHALLENGE_SECONDS,
    MOST_ID_BYTES,
    Passkey,
    PasskeyError,
    checked_label,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.passkeys import Challenge, RelyingParty

# A credential with a long attestation chain takes a few KiB.
MOST_RESPONSE_BYTES = 65_536
_ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_REQUIRED = UserVerificationRequirement.REQUIRED


def registration_options(
    challenge: Challenge, party: RelyingParty, handle: bytes, held: Iterable[Passkey] = ()
) -> str:
    """
    Return what a page gives to ``navigator.credentials.create``, as JSON.

    *handle* stands for the user (:meth:`SecondFactors.user_handle`). *held* are passkeys of
    theirs: an authenticator that has one makes no second.
    """
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_name=challenge.name,
        user_id=handle,
        challenge=challenge.value,
        timeout=int(CHALLENGE_SECONDS * 1000),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_REQUIRED
        ),
        exclude_credentials=_descriptors(held, party),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json(options)


def verify_registration(
    response: str, challenge: Challenge, party: RelyingParty, *, label: str, now: float
) -> Passkey:
    """
    Return the passkey that the browser's *response* (JSON) registers for ``challenge.name``.

    Raises:
        PasskeyError: it is no answer to this challenge, from this site, with a verified user.
        UsageError: the label cannot be shown.
    """
    told = checked_label(label)
    credential = _credential(response)
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge.value,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        # Nothing was signed with it yet: a key that is none would only fail at each sign-in.
        decoded_public_key_to_cryptography(
            decode_credential_public_key(verified.credential_public_key)
        )
    except Exception as error:
        # Its parsers raise what they raise; of bytes by a stranger none of it is told.
        raise _no_proof() from error
    _check_id(verified.credential_id)
    return Passkey(
        id=bytes_to_base64url(verified.credential_id),
        identity=challenge.name,
        public=verified.credential_public_key,
        site=party.id,
        label=told,
        synced=verified.credential_backed_up,
        sign_count=verified.sign_count,
        added_at=now,
    )


def assertion_options(
    challenge: Challenge, party: RelyingParty, held: Iterable[Passkey] = ()
) -> str:
    """
    Return what a page gives to ``navigator.credentials.get``, as JSON.

    Without *held* any passkey of the site may answer, which also tells who it is. To name
    those of a user before they proved anything tells strangers that the user exists.
    """
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge.value,
        timeout=int(CHALLENGE_SECONDS * 1000),
        allow_credentials=_descriptors(held, party),
        user_verification=_REQUIRED,
    )
    return options_to_json(options)


def asserted_key(response: str) -> tuple[str, bytes]:
    """
    Return the id of the passkey that *response* says it is by, and the challenge it answers.

    Nothing is proven yet: look both up, then :func:`verify_assertion`.

    Raises:
        PasskeyError: it cannot be read.
    """
    credential = _credential(response)
    try:
        key_id = credential["id"]
        if isinstance(key_id, str):
            _check_id(base64url_to_bytes(key_id))
        client = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        challenge = base64url_to_bytes(client["challenge"])
    except Exception as error:
        raise _no_proof() from error
    if not isinstance(key_id, str):
        raise _no_proof()
    return key_id, challenge


def verify_assertion(
    response: str, challenge: Challenge, party: RelyingParty, key: Passkey, handle: bytes
) -> int:
    """
    Return the counter that *key* tells, when *response* proves it.

    *handle* is the user handle of ``key.identity``. The counter is to be noted at once
    (:meth:`SecondFactors.count_passkey`), which refuses one that does not grow.

    Raises:
        PasskeyError: it proves nothing.
    """
    credential = _credential(response)
    if not key.is_living or key.site != party.id or challenge.name not in {"", key.identity}:
        raise _no_proof()
    # WebAuthn, 7.2, step 6: where nobody was named before, the handle must be there.
    told = _user_handle(credential)
    if told != handle and (told is not None or not challenge.name):
        raise _no_proof()
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge.value,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=key.public,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except Exception as error:
        raise _no_proof() from error
    if bytes_to_base64url(verified.credential_id) != key.id:
        raise _no_proof()
    return verified.new_sign_count


def _credential(response: str) -> dict[str, Any]:
    if len(response) > MOST_RESPONSE_BYTES:
        raise _no_proof()
    try:
        credential = json.loads(response)
        client = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        # The library does not look at it. WebAuthn, 7.1 and 7.2: refuse what is not expected.
        framed = client.get("crossOrigin") not in {None, False} or "topOrigin" in client
    except Exception as error:
        raise _no_proof() from error
    if framed or not isinstance(credential, dict):
        raise _no_proof()
    return credential


def _check_id(credential_id: bytes) -> None:
    # WebAuthn, 7.1, step 25: refused before it is looked up or kept.
    if not 0 < len(credential_id) <= MOST_ID_BYTES:
        raise _no_proof()


def _user_handle(credential: dict[str, Any]) -> bytes | None:
    try:
        told = credential["response"].get("userHandle")
        return None if told is None else base64url_to_bytes(told)
    except Exception as error:
        raise _no_proof() from error


def _descriptors(
    held: Iterable[Passkey], party: RelyingParty
) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.id))
        for key in held
        if key.is_living and key.site == party.id
    ]


def _no_proof() -> PasskeyError:
    return PasskeyError("what the browser sent does not prove a passkey", hint="try again")
