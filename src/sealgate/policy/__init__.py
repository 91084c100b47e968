"""
Decides, and nothing else: which protection a class needs, and whether it is there.

Standard library only; no I/O, no clock. What was seen of the world arrives as
plain values (:mod:`sealgate.policy.observation`), and ``now`` is an argument.
"""
