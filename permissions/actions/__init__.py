"""Every write of the rights: grants, keys, roles, rules, reviews, goodbyes."""
