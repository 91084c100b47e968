"""How the tables of the identities came to be, step by step."""
