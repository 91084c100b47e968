"""Envoy as a process, its files and its admin interface."""
