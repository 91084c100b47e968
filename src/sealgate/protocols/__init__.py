"""Files over SSH and FTPS: who is let in, what they see, and the protocols that show it to them."""
