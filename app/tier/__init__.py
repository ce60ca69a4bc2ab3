"""The shared tier: a Redis or Valkey server in which several processes keep what each may have read from upstream."""
