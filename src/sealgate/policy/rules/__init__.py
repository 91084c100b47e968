"""
Every rule, one file each: file, id, docs heading and message share one word.
"""
