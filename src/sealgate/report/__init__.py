"""A report as text, JSON or SARIF. Formats only read."""
