"""How the tables of a store's records came to be, step by step."""
