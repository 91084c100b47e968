"""Answers over plain HTTP that are signed: built, and verified (RFC 9421, RFC 9530). Pure."""
