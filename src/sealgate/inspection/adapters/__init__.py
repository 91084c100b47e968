"""The relay between gateway and site, its process, and the libraries that decompress."""
