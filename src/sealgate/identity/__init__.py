"""Who may come in: identities, groups and their client certificates."""
