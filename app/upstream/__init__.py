"""The CxEngage client. Start at `client.py`; R1 to R16 are UPSTREAM §10."""

import sys

# httpx imports its own command line where it can: that of rich, pygments and click, a tenth of what a start takes.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # "do not import" (Python reference, 5.3.1)
