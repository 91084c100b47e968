"""
What a caller may do over a channel: pure, from the class of a drop and what was seen.
"""
