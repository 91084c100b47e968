"""A small protocol more, as somebody would add it: ``ssh HOST PATH`` writes a file to standard output."""
