"""A small shop with everything that Sealgate does to it, on loopback."""
