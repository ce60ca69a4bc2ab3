"""Interactions: records as upstream sends them, and the flat row made of each."""
