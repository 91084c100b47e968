"""Observes what protects data now. Judging is left to the policy."""
