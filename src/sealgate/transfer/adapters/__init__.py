"""The servers and clients that speak to the world."""
