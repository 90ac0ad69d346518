"""What people say about a brand, in six languages, and who they are."""

from __future__ import annotations

from collections.abc import Mapping

from crisisapi.story.phrases.english import ENGLISH
from crisisapi.story.phrases.french import FRENCH
from crisisapi.story.phrases.german import GERMAN
from crisisapi.story.phrases.grammar import Grammar
from crisisapi.story.phrases.russian import RUSSIAN
from crisisapi.story.phrases.spanish import SPANISH
from crisisapi.story.phrases.uzbek import UZBEK

GRAMMARS: Mapping[str, Grammar] = {
    "en": ENGLISH,
    "es": SPANISH,
    "de": GERMAN,
    "fr": FRENCH,
    "ru": RUSSIAN,
    "uz": UZBEK,
}

# First names and surnames of authors. They are common names, put together at random.
FIRST_NAMES = (
    "Alex",
    "Maria",
    "Sam",
    "Lena",
    "Omar",
    "Julia",
    "Tom",
    "Aziza",
    "Ivan",
    "Chloe",
    "Diego",
    "Hanna",
    "Kofi",
    "Nora",
    "Pavel",
    "Rosa",
    "Timur",
    "Yuki",
    "Emma",
    "Luis",
    "Olga",
    "Ben",
    "Malika",
    "Paul",
    "Ines",
    "Viktor",
    "Zoe",
    "Ali",
)
SURNAMES = (
    "Smith",
    "Garcia",
    "Weber",
    "Martin",
    "Petrov",
    "Karimov",
    "Brown",
    "Lopez",
    "Fischer",
    "Bernard",
    "Ivanova",
    "Yusupova",
    "Walker",
    "Romero",
    "Keller",
    "Moreau",
    "Sokolov",
    "Rahimov",
    "Hill",
    "Ortiz",
    "Vogel",
    "Petit",
    "Orlova",
    "Nazarova",
    "Young",
    "Silva",
    "Wolf",
    "Roux",
    "Popov",
    "Saidov",
)
