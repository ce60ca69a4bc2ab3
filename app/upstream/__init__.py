"""The CxEngage client: credentials, calls, pages of raw records. Start at `client.py`; R1 to R16 are UPSTREAM §10."""
