"""Pages for people: static files of ours, and other people's under `vendor/`."""
