"""The conventions of the HTTP API: what comes in, what goes out, and how a "no" looks."""
