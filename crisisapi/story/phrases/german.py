"""What people say about a brand in German."""

from __future__ import annotations

from crisisapi.story.phrases.grammar import Grammar

GERMAN: Grammar = {
    "talk": (
        "{open}ich habe {when} {item} von {brand} gekauft{end}",
        "{item} von {brand} {place} gesehen{end}",
        "Tag {n} mit {item} von {brand}{end}",
        "{open}{brand} hat {item} {when} im Angebot{end}",
    ),
    "question": (
        "weiß jemand, ob {item} von {brand} klein ausfällt?",
        "@{tag} wann gibt es {item} wieder {place}?",
        "wie lange dauert die Lieferung von {brand} {when}?",
    ),
    "praise": (
        "{item} von {brand}: {good}{end}",
        "danke @{tag}, {good}{end}",
        "{open}ich liebe {item} von {brand}{end}",
    ),
    "complaint": (
        "{item} von {brand} kam {when} wieder zu spät, {bad}",
        "die App von {brand} stürzt {when} ab, {bad}",
        "@{tag} ich warte seit {n} Tagen auf {item}, {bad}",
    ),
    "anger": (
        "{shame}, {brand}. {topic} ist {awful}{rage}",
        "Wer hat {topic} erlaubt? {awful_start}{rage}",
        "{demand}, {brand}! {topic} ist {awful}{rage}",
        "Nie wieder {brand} nach {topic}{rage}",
        "{awful_start}: {brand} und {topic}. {demand} #{boycott}",
        "{n} Jahre Kunde bei {brand}, und jetzt {topic}. {shame}{rage}",
    ),
    "wonder": ("was ist da los mit {brand} und {topic}?", "hat sich {brand} schon zu {topic} geäußert?"),
    "defence": ("{brand} hat mit {topic} einen Fehler gemacht, aber nun ist auch gut",),
    "open": ("", "", "endlich: ", "so, ", "ach ja, "),
    "item": ("die Stiefel", "die Jacke", "den Rucksack", "die Laufschuhe", "die Mütze", "den Pulli"),
    "when": ("heute", "heute früh", "diese Woche", "seit Montag", "gerade eben", "gestern"),
    "place": ("in der Stadt", "im Laden", "im Netz", "in Berlin", "in Köln", "am Bahnhof"),
    "good": ("sehr bequem", "ich bin begeistert", "jeden Cent wert", "tolle Qualität"),
    "bad": ("sehr ärgerlich", "bitte mal kümmern", "echt schade", "nicht schön"),
    "end": ("", "", ".", "!", " 🙂", " 👍", " #{tag}"),
    "awful": ("widerlich", "eine Schande", "herzlos", "eine Beleidigung", "geschmacklos", "ekelhaft"),
    "awful_start": ("Unfassbar", "Wie herzlos", "Das ist widerlich", "Eine Frechheit"),
    "demand": ("Löscht das", "Entschuldigt euch", "Ich will mein Geld zurück", "Wir wollen eine Entschuldigung"),
    "shame": ("schämt euch", "null Respekt", "mein Vertrauen ist weg", "ihr solltet euch schämen"),
    "rage": ("", "!", "!!", " 😡", " 🤬", " #{boycott}", " 🤮", " @{tag}"),
}
