"""The pages on which people sign in to sites, and what the gateway asks about their sessions."""
