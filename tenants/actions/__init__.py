"""Every write of agencies, people and their ways in."""
