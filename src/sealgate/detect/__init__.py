"""
Bytes and columns in, matches out. Pure, and below everything that looks at data.
"""
