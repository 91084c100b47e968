"""Files at rest: sealed in the age v1 format, or plain with a keyed integrity record."""
