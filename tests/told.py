"""What tests tell whoever runs them: counts and measurements, printed at the end of the run."""

from __future__ import annotations

# The property of a test, by pytest's ``record_property``, whose value is one line for people.
TOLD = "told"
