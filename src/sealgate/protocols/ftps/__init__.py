"""FTPS: FTP over TLS and nothing else."""
