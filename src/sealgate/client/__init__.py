"""Sends files to other hosts and fetches them, over SFTP, FTPS and HTTPS."""
