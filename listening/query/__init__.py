"""What a brand listens for: the query language, and the matching of one stream against everybody's queries.

    query    = all { "OR" all }
    all      = wanted { ["AND"] wanted }                     side by side means AND
    wanted   = { "NOT" | "-" } near
    near     = term [ "NEAR/" n term ]                       NEAR alone is NEAR/10; n is 1 to 100
    term     = "(" query ")" | '"' words '"' | word | "#" hashtag | "@" handle | field
    field    = ( "author" | "from" ) ":" ["@"] handle | "lang:" code | "kind:" kind | "network:" network

OR binds loosest, then AND, then NOT, then NEAR. Operators are in capital letters; `and` is a word. A word may end with
`*` after three characters or more, inside quotes too. Beside NEAR stands a word, a phrase or `(one OR another)`; it
asks for a pair that does not overlap, in either order, with at most n - 1 words between. Every alternative of a query
must name something that has to be there: NOT alone, or `lang:en` alone, is refused.

Comparing: small letters, NFKC, accents of Latin, Greek, Arabic and Hebrew letters ignored (those of Cyrillic are not,
but io is ie). Apostrophes, hyphens, dots and all other signs part words, in queries as in posts: `Coca-Cola` is the
phrase "coca cola", `acme` is found in `Acme's`. Chinese, Japanese, Thai, Lao, Khmer and Burmese are compared character
by character, so that a term is found wherever it stands. An emoji is a word; skin tones do not matter. `word` is found
in `#word` and `@word` as well, `#word` only as a hashtag, `@name` only as a handle, with any server or domain;
`author:` is about who said it. A word inside a longer hashtag is not found.

Beside the expression stand an exclude list, whose entries silence a match wherever they are said (a handle also what
it says itself), and a list of languages that alone may match; a text whose language nobody can tell passes the list,
but no `lang:`. At most 4 000 characters, 500 words, 20 levels of brackets.
"""

from listening.query.compiled import CompiledQuery, Explained, Warned, compile_query
from listening.query.matching import Post
from listening.query.parsing import BadQuery
from listening.query.percolator import Percolator
from listening.query.watched import WatchedTerms, watched_terms

__all__ = [
    "BadQuery",
    "CompiledQuery",
    "Explained",
    "Percolator",
    "Post",
    "Warned",
    "WatchedTerms",
    "compile_query",
    "watched_terms",
]
