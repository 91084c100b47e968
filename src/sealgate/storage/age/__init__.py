"""The age v1 format (age-encryption.org/v1), read and written on ``cryptography``."""
