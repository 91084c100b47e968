"""
The peer of the relay: a gRPC service that Envoy hands answers to (ext_proc), same detector.

Runs in the benchmark's own virtual environment, which has grpcio and the protocol, beside
this checkout's ``sealgate``. It reads and confirms as the relay does, but sends no masks.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped] # lives in build/bench-venv, as what follows
import uvloop
from envoy.service.ext_proc.v3 import external_processor_pb2 as messages
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as service

from sealgate.inspection.body import BodyScan, look_at_whole
from sealgate.inspection.detector import detector_of
from sealgate.inspection.model import BodyLimits, above
from sealgate.policy.classification import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_DETECTOR = detector_of(above(DEFAULT_MODEL.weakest, DEFAULT_MODEL))
_GO_ON = messages.ProcessingResponse(response_body=messages.BodyResponse())


class Reader(service.ExternalProcessorServicer):  # type: ignore[misc] # generated code
    """Reads the body of each answer, and lets it go on."""

    async def Process(  # noqa: N802  # the protocol's name
        self, requests: AsyncIterator[Any], context: object
    ) -> AsyncIterator[Any]:
        """Answer each piece when it was read."""
        del context
        scan: BodyScan | None = None
        async for request in requests:
            piece = request.response_body
            if scan is None and piece.end_of_stream:
                whole = look_at_whole(_DETECTOR, b"\n" + piece.body, 1, time.thread_time)
                if whole is not None and whole.is_clean:
                    yield _GO_ON
                    continue
            if scan is None:
                scan = BodyScan(_DETECTOR, BodyLimits(), time.thread_time)
            scan.feed(piece.body)
            if piece.end_of_stream:
                scan.close()
            yield _GO_ON


async def main() -> None:
    """Serve at the address ``argv[1]``."""
    server = grpc.aio.server()
    service.add_ExternalProcessorServicer_to_server(Reader(), server)
    server.add_insecure_port(sys.argv[1])
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
