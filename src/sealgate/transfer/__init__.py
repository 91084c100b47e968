"""Files on the move: SFTP, SCP, SSH tunnels and FTPS over the drops of a site."""
