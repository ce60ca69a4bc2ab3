"""Holdings: each interaction is held once, and asked for again only when it may have changed."""
