"""Sources: where records come from. The only place in this room that reads the world."""
