"""What ``sealgate serve`` runs, and how ``sealgate plan`` tells of it before."""
