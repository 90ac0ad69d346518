"""The shape of a template grammar.

A phrase may hold slots in braces. `{brand}`, `{topic}`, `{tag}` and `{boycott}` are given by the caller and `{n}` is a
number; every other slot names a list of alternatives of the same language, which may hold slots again. Each language
has the subjects talk, question, praise and complaint for ordinary days, anger, wonder and defence for a storm.
"""

from __future__ import annotations

from collections.abc import Mapping

Grammar = Mapping[str, tuple[str, ...]]
