"""What people say about a brand in French."""

from __future__ import annotations

from crisisapi.story.phrases.grammar import Grammar

FRENCH: Grammar = {
    "talk": (
        "{open}j'ai acheté {item} chez {brand} {when}{end}",
        "vu {item} de {brand} {place}{end}",
        "jour {n} avec {item} de {brand}{end}",
        "{open}{item} en promo chez {brand} {when}{end}",
    ),
    "question": (
        "est-ce que {item} de {brand} taille petit ?",
        "@{tag} quand est-ce que {item} revient {place} ?",
        "la livraison {brand} prend combien de temps {when} ?",
    ),
    "praise": (
        "j'adore {item} de {brand}, {good}{end}",
        "merci @{tag}, {good}{end}",
        "{item} de {brand} : {good}{end}",
    ),
    "complaint": (
        "{item} de {brand} est arrivé en retard {when}, {bad}",
        "l'appli {brand} plante {when}, {bad}",
        "@{tag} j'attends {item} depuis {n} jours, {bad}",
    ),
    "anger": (
        "{shame}, {brand}. {topic}, c'est {awful}{rage}",
        "Qui a validé {topic} ? {awful_start}{rage}",
        "{demand}, {brand} ! {topic}, c'est {awful}{rage}",
        "Plus jamais {brand} après {topic}{rage}",
        "{awful_start} : {brand} et {topic}. {demand} #{boycott}",
        "{n} ans de fidélité à {brand} et maintenant {topic}. {shame}{rage}",
    ),
    "wonder": ("il se passe quoi avec {brand} et {topic} ?", "{brand} a dit quelque chose sur {topic} ?"),
    "defence": ("{brand} s'est trompé avec {topic}, mais ce n'est pas la fin du monde",),
    "open": ("", "", "enfin, ", "bon, ", "au fait, "),
    "item": ("les bottes", "la veste", "le sac à dos", "les baskets", "le bonnet", "le pull"),
    "when": ("aujourd'hui", "ce matin", "cette semaine", "depuis lundi", "à l'instant", "hier"),
    "place": ("en ville", "au magasin", "en ligne", "à Paris", "à Lyon", "à la gare"),
    "good": ("très confortable", "je suis ravie", "ça vaut le prix", "super qualité"),
    "bad": ("c'est dommage", "merci de réparer", "pas terrible", "un peu déçu"),
    "end": ("", "", ".", " !", " 🙂", " 👍", " #{tag}"),
    "awful": ("honteux", "dégoûtant", "cruel", "une insulte", "horrible", "indigne"),
    "awful_start": ("Quelle honte", "C'est dégoûtant", "Incroyable", "Quelle cruauté"),
    "demand": ("Retirez ça", "Excusez-vous", "Je veux un remboursement", "On veut des excuses"),
    "shame": ("honte à vous", "zéro respect", "vous avez perdu ma confiance", "quelle déception"),
    "rage": ("", " !", " !!", " 😡", " 🤬", " #{boycott}", " 🤮", " @{tag}"),
}
