"""Certificate authorities and the identity store on disk."""
