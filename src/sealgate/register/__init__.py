"""Keeps which data there is, its class, who decided why, and the evidence."""
