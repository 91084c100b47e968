"""The register on SQL."""
