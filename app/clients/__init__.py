"""Client keys: what one is, the file that holds them, those in force, and how often each may ask. Knows no HTTP."""
