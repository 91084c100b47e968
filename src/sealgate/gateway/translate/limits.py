"""
What a request may send, and how often a client may ask: counted by Envoy as it comes.

What holds for all stands in the listener: the size of a body, for which nothing is held in
memory, and the rates, one count per site, so that a client cannot ask more often by asking here
and there. Routes say which rate holds, and their own size. Whoever is refused gets 413 or 429.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.gateway.translate.typed import EXTENSIONS, extension, typed

if TYPE_CHECKING:
    from sealgate.gateway.model import JSON, JSONObject
    from sealgate.policy.inventory import Limits

BODY_FILTER = "sealgate.body"
# So many seconds' worth of requests may come at once: a page brings its pictures along.
BURST_SECONDS = 10
# Addresses that are remembered per limit; whoever was not seen for longest is forgotten.
REMEMBERED_ADDRESSES = 10_000
# RFC 4291, 2.5.4: whoever has one IPv6 address has 2**64 of them.
_V4_BITS, _V6_BITS = 32, 64
_WITHOUT_LIMIT = 2**32 - 1
_ENABLED = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
_ALWAYS: JSONObject = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


class Rate(StrEnum):
    """Which count a route belongs to; the value is the name of the filter that keeps it."""

    REQUESTS = "sealgate.rate.requests"
    SESSIONS = "sealgate.rate.sessions"
    PAGES = "sealgate.rate.pages"


def body_filter(limits: Limits) -> JSONObject:
    """Return the filter that cuts bodies off, where :func:`body_limit` says nothing else."""
    return extension(
        BODY_FILTER,
        EXTENSIONS + "filters.http.filter_chain.v3.FilterChainConfig",
        default_filter_chain={"filters": [_size(limits.max_body_bytes)]},
    )


def body_limit(max_bytes: int) -> JSONObject:
    """Return the settings of a route whose bodies are cut off beyond *max_bytes*."""
    own = typed(
        EXTENSIONS + "filters.http.filter_chain.v3.FilterChainConfigPerRoute",
        filter_chain={"filters": [_size(max_bytes)]},
    )
    return {BODY_FILTER: own}


def _size(max_bytes: int) -> JSONObject:
    return extension(
        "size",
        EXTENSIONS + "filters.http.body_size_limit.v3.BodySizeLimit",
        max_request_bytes=max_bytes,
    )


def rate_limit(limits: Limits, rate: Rate) -> JSONObject:
    """Return the settings of a route whose requests count as *rate*; empty without a limit."""
    if rate not in _buckets(limits):
        return {}
    return {rate.value: {"@type": _ENABLED, "config": {}}}


def rate_filters(limits: Limits, *, signs_in: bool) -> list[JSON]:
    """Return the filters that count; off unless a route turns one on."""
    wanted = Rate if signs_in else (Rate.REQUESTS,)
    return [_counting(rate, bucket) for rate, bucket in _buckets(limits).items() if rate in wanted]


def _buckets(limits: Limits) -> dict[Rate, JSONObject]:
    def bucket(at_once: int, tokens: int, seconds: int) -> JSONObject:
        return {
            "max_tokens": at_once,
            "tokens_per_fill": tokens,
            "fill_interval": f"{seconds}s",
        }

    found: dict[Rate, JSONObject] = {}
    for rate, number in (
        (Rate.REQUESTS, limits.requests_per_second),
        (Rate.SESSIONS, limits.session_requests_per_second),
    ):
        if number:
            found[rate] = bucket(number * BURST_SECONDS, number, 1)
    if limits.sign_in_per_minute:
        found[Rate.PAGES] = bucket(limits.sign_in_per_minute, limits.sign_in_per_minute, 60)
    return found


def _counting(rate: Rate, bucket: JSONObject) -> JSONObject:
    limited = extension(
        rate.value,
        EXTENSIONS + "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix=rate.value.rpartition(".")[2],
        # For whoever has no address of his own, which nobody over TCP has not.
        token_bucket={
            "max_tokens": _WITHOUT_LIMIT,
            "tokens_per_fill": _WITHOUT_LIMIT,
            "fill_interval": "1s",
        },
        always_consume_default_token_bucket=False,
        filter_enabled=_ALWAYS,
        filter_enforced=_ALWAYS,
        max_dynamic_descriptors=REMEMBERED_ADDRESSES,
        enable_retry_after_header=True,
        rate_limits=[
            {
                "actions": [
                    {
                        "masked_remote_address": {
                            "v4_prefix_mask_len": _V4_BITS,
                            "v6_prefix_mask_len": _V6_BITS,
                        }
                    }
                ]
            }
        ],
        # Without a value: each address has a bucket of its own.
        descriptors=[{"entries": [{"key": "masked_remote_address"}], "token_bucket": bucket}],
    )
    return {**limited, "disabled": True}
