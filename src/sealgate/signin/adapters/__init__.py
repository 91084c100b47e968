"""The sign-in service: what listens, what it looks up, and the process that it lives in."""
