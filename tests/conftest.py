"""
How Hypothesis looks for counterexamples in all tests.
"""

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is; tests that are about cost measure it.
settings.register_profile(
    "sealgate", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("sealgate")
