"""Classify once, and give the data at least what its class requires everywhere."""
