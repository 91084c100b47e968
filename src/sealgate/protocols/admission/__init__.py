"""Who is let in: how people sign in, what they have proven, and what that opens."""
