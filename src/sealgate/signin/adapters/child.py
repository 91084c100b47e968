"""
The service process: made by :mod:`sealgate.serve.sign_in`, told what to serve over a socket.

Run by the :mod:`sealgate.fork_server`. It ends with its parent, whatever that ends by, because
what nobody supervises would go on letting people in.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

from sealgate.child_process import run_child
from sealgate.signin.adapters.backend import SignInBackend
from sealgate.signin.adapters.service import SignInApplication

if TYPE_CHECKING:
    from sealgate.child_process import Parent
    from sealgate.identity.totp import Opener
    from sealgate.signin.adapters.plan import SignInServicePlan
    from sealgate.storage.adapters.packed import PackedKeyring

_TICK_SECONDS = 1.0


def _serve(plan: SignInServicePlan, link: Parent) -> None:
    opener = _opener(plan.keyring)
    backend = SignInBackend(plan.database, plan.state_folder, plan.served, time.time, opener)
    try:
        backend.keys()
        service = SignInApplication(backend, slow=plan.slow)
        config = uvicorn.Config(
            service.app,
            lifespan="off",
            interface="asgi3",
            http="h11",
            ws="none",
            access_log=False,
            log_level="critical",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            # How many are served at once is decided by what they ask for (admission.py).
            # Longer than Envoy keeps an idle connection.
            timeout_keep_alive=3600,
        )
        server = uvicorn.Server(config)
        # The parent decides about signals; they are ignored here.
        listener = socket.socket(fileno=plan.listener)
        threading.Thread(target=_listen, args=(link, backend, server), daemon=True).start()
        link.send("ready", os.getpid())
        asyncio.run(_run(server, listener))
    finally:
        backend.close()


def _opener(packed: PackedKeyring | None) -> Opener | None:
    if packed is None:
        return None
    # Who asks for no codes does not load what opens them.
    from sealgate.storage.adapters.code_seal import CodeSealer  # noqa: PLC0415
    from sealgate.storage.adapters.undumped import forbid_dumps  # noqa: PLC0415

    forbid_dumps()
    keyring = packed.unpacked()
    return CodeSealer(lambda: keyring)


async def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    await server._serve([listener])  # noqa: SLF001  # serve() would take the signals


def _listen(link: Parent, backend: SignInBackend, server: uvicorn.Server) -> None:
    while True:
        try:
            if not link.poll(_TICK_SECONDS):
                continue
            message = link.receive()
        except (EOFError, OSError):
            # Nobody tells us any more who may come in.
            os._exit(1)
        match message:
            case ("serve", served, keyring):
                backend.served, backend.opener = served, _opener(keyring)
                link.send("ok")
            case ("stop",):
                server.should_exit = True
                return
            case _:
                link.send("error", "the request is none that the sign-in service knows")


def main() -> int:
    """Be the service that the parent asks for."""
    return run_child(lambda parent, plan: _serve(plan, parent))
