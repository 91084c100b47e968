"""
From class to least protection, for a route, a drop and a store.

DESIGN 1, "What applies where": transit applies to what a route takes and gives,
access to what it gives out, storage to what is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.protection import SENSITIVE_FLOOR, Protection

if TYPE_CHECKING:
    from sealgate.policy.classification import Classification
    from sealgate.policy.inventory import Route


def required_of_route(route: Route) -> Protection:
    """
    Return what *route* must provide.

    That is the transit of what it takes and gives, and the access of what it shows.
    A route keeps nothing, so nothing is demanded at rest.
    """
    shows = route.classification.required
    takes = route.collects.required if route.collects else shows
    in_transit = max(shows.in_transit, takes.in_transit)
    if route.backend or shows.access > 0:
        # Credentials never travel below "encrypted", whatever the class of the page
        # (DESIGN 1, in transit, rung 1; guideline, paragraph 2 and "Backend").
        in_transit = max(in_transit, SENSITIVE_FLOOR.in_transit)
    return Protection(in_transit, shows.access, 0)


def required_of_data(classification: Classification, *, sensitive: bool) -> Protection:
    """
    Return what stored data of *classification* needs.

    *sensitive*: credentials, medical, payment or account data or access codes are
    among it, so that the floor holds even where the model is weaker.
    """
    required = classification.required
    return required.at_least(SENSITIVE_FLOOR) if sensitive else required
