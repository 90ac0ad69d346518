"""The sandbox: a network that is kept in our own tables, for development, drills and tests."""
