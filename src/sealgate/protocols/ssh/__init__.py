"""SFTP, SCP and tunnels: what is served over SSH."""
