"""How the auditor reaches the operator: by mail, else by webhook, and by the heartbeat that somebody outside awaits."""
