"""Chat and push services through Apprise: only those whose host is fixed."""
