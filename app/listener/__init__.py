"""The listener: uvicorn's protocols with deadlines and bounds; no client can hold what is everybody's (FAULTS 6)."""
