"""
The register on SQL.
"""
