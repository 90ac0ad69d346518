"""Questions about rights: who holds what, why, and since when."""
