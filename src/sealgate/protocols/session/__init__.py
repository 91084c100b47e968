"""What one signed-in caller sees: drops as folders, uploads, and what is noted of them."""
