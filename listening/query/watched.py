# ruff: noqa: RUF001 - words of several scripts
"""Words that announce trouble, in many languages, beside the words that a brand itself fears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from listening.mood.seam import CLIP_AT
from listening.query.folding import cut, fold, words_of
from listening.query.matching import Post, Reading
from listening.query.parsing import LEAST_PREFIX, BadQuery, parse_excluded
from listening.query.tree import Phrase

# Phrases are parted by commas; a star stands for any ending. Words that are harmless in another of these languages
# are left out.
WATCHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "boycot*, recall, recalls, recalled, product recall, lawsuit*, class action, sued, suing, scam, scams, "
        "scammed, scammers, fraud*, racist, racism, sexist, sexism, homophobic, antisemitic, data breach, data leak, "
        "hacked, ransomware, food poisoning, salmonella, listeria, poisoned, contaminated, toxic, cancel culture, "
        "whistleblow*, harassment, sweatshop*, child labor, child labour, greenwashing, cover up, price gouging, "
        "union busting, walkout, explosion, exploded, caught fire",
        "es": "boicot*, retirada del mercado, demanda colectiva, demandar, demandado, estafa*, fraude*, racista*, "
        "racismo, machista*, sexista*, homófob*, filtración de datos, robo de datos, hackead*, intoxicación, "
        "intoxicad*, salmonela, contaminad*, tóxico*, acoso, trabajo infantil, explotación laboral, encubr*",
        "fr": "boycott*, boycotter, rappel de produit, rappel produit, action en justice, plainte, arnaque*, escroc*, "
        "fraude*, raciste*, racisme, sexiste*, homophobe*, fuite de données, vol de données, piraté*, "
        "intoxication alimentaire, salmonelle*, contaminé*, toxique*, harcèlement, travail des enfants, scandale*",
        "de": "boykott*, rückruf, rückrufaktion, produktrückruf, klage, sammelklage, verklag*, betrug, betrüger*, "
        "abzocke, rassist*, rassismus, sexist*, sexismus, homophob*, datenleck, datenpanne, datendiebstahl, gehackt, "
        "lebensmittelvergiftung, salmonellen, vergiftet, verseucht, belästigung, kinderarbeit, skandal*",
        "it": "boicott*, richiamo del prodotto, ritirato dal mercato, causa legale, class action, denuncia, truffa, "
        "truffe, truffator*, frode, razzista, razzisti, razzismo, sessista, omofob*, fuga di dati, furto di dati, "
        "hackerat*, intossicazione, intossicati, salmonella, contaminat*, molestie, lavoro minorile, scandalo",
        "pt": "boicot*, recall, processo judicial, ação coletiva, processar, golpe, golpistas, fraude*, racista*, "
        "racismo, machista*, homofóbic*, vazamento de dados, roubo de dados, hackead*, intoxicação alimentar, "
        "intoxicação, salmonela, contaminad*, assédio, trabalho infantil, trabalho escravo, escândalo",
        "ar": "مقاطعة, المقاطعة, قاطعوا, قاطع, سحب المنتج, استدعاء المنتج, دعوى قضائية, احتيال, نصب, نصابين, فضيحة, "
        "عنصرية, عنصري, عنصريين, تسريب بيانات, تسرب البيانات, اختراق, تسمم, تسمم غذائي, ملوث, تحرش, فساد",
        "hi": "बहिष्कार, बॉयकॉट, बायकाट, मुकदमा, धोखाधड़ी, धोखा, घोटाला, ठगी, नस्लवादी, जातिवादी, डेटा लीक, डेटा चोरी, "
        "हैक, फूड पॉइजनिंग, विषाक्त, ज़हर, जहर, मिलावट, उत्पीड़न, बाल मजदूरी",
        "ru": "бойкот*, отзыв продукции, отозвали, иск, судебный иск, подать в суд, мошенник*, мошенничеств*, обман, "
        "развод на деньги, расист*, расизм*, сексист*, гомофоб*, утечка данных, утечки данных, слив данных, взлом*, "
        "отравлени*, отравил*, сальмонелл*, токсичн*, домогательств*, детский труд, скандал*",
        "tr": "boykot*, geri çağırma, geri çağrıldı, toplatıldı, dava açtı, dava açıldı, dolandırıc*, dolandırıldı*, "
        "sahtekar*, ırkçı*, cinsiyetçi*, homofobik, veri sızıntısı, veri ihlali, hacklendi, gıda zehirlenmesi, "
        "zehirlendi*, zehirlenme*, salmonella, taciz, çocuk işçi*, skandal*, rezalet",
        "uz": "boykot*, sudga, da'vo, firibgar*, aldov, aldash, irqchi*, ma'lumotlar sizib chiqdi, xakerlar, "
        "zaharlan*, zaharlandi, sifatsiz, janjal*, tovlamachi*, бойкот*, фирибгар*, заҳарлан*, алдов, ирқчи*",
    }
)


MOST_HARMLESS: Final = 20_000


class WatchedTerms:
    """The built-in words of all languages, or of some, with a brand's own; safe to share.

    A brand's own terms are written as entries of an exclude list are: words, phrases, hashtags, handles, `begin*`.
    Raises BadQuery (400) for one that cannot be read.
    """

    def __init__(
        self, own: Iterable[str] = (), *, languages: Iterable[str] | None = None, field: str = "watched_terms"
    ) -> None:
        lists = WATCHED.values() if languages is None else [WATCHED.get(code, "") for code in languages]
        said = [term.strip() for one in lists for term in one.split(",") if term.strip()]
        self._words: dict[str, str] = {}  # a single word -> the term as it was written
        self._phrases: dict[str, list[tuple[str, Phrase]]] = {}  # by their first whole word
        self._prefixes: dict[str, list[tuple[str, str]]] = {}  # by their first characters
        self._harmless: set[str] = set()  # words met before that no term is kept under
        for term in said:
            self._add(term, "")
        for number, term in enumerate(own):
            self._add(term, f"{field}.{number}")

    def _add(self, term: str, field: str) -> None:
        phrase = parse_excluded(term, field=field)
        first = phrase.words[0]
        if len(phrase.words) == 1 and first.prefix:
            self._prefixes.setdefault(first.text[:LEAST_PREFIX], []).append((first.text, term))
        elif len(phrase.words) == 1:
            self._words.setdefault(first.text, term)
        else:
            # A phrase that begins with the beginning of a word is kept beneath another of its words.
            anchor = next((word.text for word in phrase.words if not word.prefix), None)
            if anchor is None:
                raise BadQuery(
                    "One word of a phrase must be whole.",
                    said=term, position=0, length=len(term), expected="a word without *", field=field,
                )  # fmt: skip
            self._phrases.setdefault(anchor, []).append((term, phrase))

    def hits(self, text: str) -> frozenset[str]:
        """The watched terms that a text holds, as they are written in the lists. Linear in the text."""
        suspects = self._suspects(text)
        return frozenset(self._found(text, suspects)) if suspects else frozenset()

    def holds(self, text: str) -> bool:
        """Whether a text holds a watched term: what `hits` would tell, without telling which."""
        suspects = self._suspects(text)
        return bool(suspects) and next(self._found(text, suspects), None) is not None

    def count(self, texts: Sequence[str]) -> int:
        """How many of the texts hold a watched term."""
        return sum(map(self.holds, texts))

    def _suspects(self, text: str) -> set[str]:
        """The words of a text that a term begins with or is kept under."""
        folded = fold(text[:CLIP_AT])
        pieces = cut(folded)
        words = words_of(pieces, named="#" in folded or "@" in folded) - self._harmless
        if not words:
            return words
        suspects = {word for word in words if self._is_suspect(word)}
        if len(self._harmless) > MOST_HARMLESS:
            self._harmless = set()
        self._harmless |= words - suspects
        return suspects

    def _is_suspect(self, word: str) -> bool:
        if word in self._words or word in self._phrases:
            return True
        return any(word.startswith(prefix) for prefix, _ in self._prefixes.get(word[:LEAST_PREFIX], ()))

    def _found(self, text: str, suspects: set[str]) -> Iterator[str]:
        reading: Reading | None = None
        for word in suspects:
            if word in self._words:
                yield self._words[word]
            for prefix, term in self._prefixes.get(word[:LEAST_PREFIX], ()):
                if word.startswith(prefix):
                    yield term
            for term, phrase in self._phrases.get(word, ()):
                reading = reading or Reading(Post(text))
                if next(reading.spans(phrase), None) is not None:
                    yield term


def check_terms(terms: Iterable[str], *, field: str = "watched_terms") -> None:
    """Refuse what cannot be watched for: raises BadQuery (400), whose facts name the field and the place."""
    WatchedTerms(terms, languages=(), field=field)


@lru_cache(maxsize=64)
def watched_terms(own: tuple[str, ...] = ()) -> WatchedTerms:
    """The watched terms of a brand with these of its own, made once. What cannot be read is left out: `check_terms`
    is there for people, and a delivery does not fail for a term.
    """
    return WatchedTerms(filter(_is_readable, own))


def _is_readable(term: str) -> bool:
    try:
        check_terms([term])
    except BadQuery:
        return False
    return True
