"""Files from outside: what they are, told by their content alone; what of them is kept; and the way in and out."""
