"""
From inventory to Envoy configuration, as data. Pure.
"""
