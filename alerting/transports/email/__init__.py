"""E-mail through the operator's mail server."""
