"""How the auditor reaches the operator: by mail, and by the heartbeat that somebody outside listens for."""
