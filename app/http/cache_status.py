"""The Cache-Status field of RFC 9211."""

import math
import re

from app.cache.reuse import Reuse

NAME = "cxfacade"
TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+\-.^_`|~]*")  # sf-token, RFC 9651 §3.3.4
UNPRINTABLE = re.compile(r"[^ -~]")


def cache_status(reuse: Reuse) -> str:
    """The field's value, as `cxfacade; hit; ttl=42`; never with `key`, which would tell what was asked."""
    parameters = {
        "hit": reuse.hit,
        f"fwd={reuse.fwd}": reuse.fwd is not None,
        "stored": reuse.stored,
        "collapsed": reuse.collapsed,
        f"ttl={math.floor(reuse.ttl or 0)}": reuse.ttl is not None,  # floor: half a second past freshness is stale
        f"detail={_bare(reuse.detail or '')}": reuse.detail is not None,
    }
    return "; ".join([NAME, *(parameter for parameter, holds in parameters.items() if holds)])


def _bare(detail: str) -> str:
    """A token where it can be one, else a quoted string (RFC 9651 §3.3.3)."""
    if TOKEN.fullmatch(detail):
        return detail
    return '"' + UNPRINTABLE.sub("?", detail).replace("\\", "\\\\").replace('"', '\\"') + '"'
