"""One function per thing that Sealgate does: choose adapters, run, evaluate."""
