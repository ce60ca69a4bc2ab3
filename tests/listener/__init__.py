"""The listener, spoken to in bytes."""
