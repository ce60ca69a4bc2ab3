"""Client keys: their form, the file that holds them, those in force, and their quotas. Knows no HTTP."""
