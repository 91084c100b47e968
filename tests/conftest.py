"""
What holds for all tests: how Hypothesis looks for counterexamples, what signals do.
"""

import signal

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is; tests that are about cost measure it.
settings.register_profile(
    "sealgate", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("sealgate")

# Behind nohup or in the background of a script these are ignored, also by what tests start.
for _number, _usual in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
