"""Probes: one connection, one question, one fact or the reason why not."""
