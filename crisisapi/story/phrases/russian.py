# ruff: noqa: RUF001 - Cyrillic letters
"""What people say about a brand in Russian."""

from __future__ import annotations

from crisisapi.story.phrases.grammar import Grammar

RUSSIAN: Grammar = {
    "talk": (
        "{open}взял {when} {item} от {brand}{end}",
        "видел {item} {brand} {place}{end}",
        "день {n}, ношу {item} {brand}{end}",
        "{open}у {brand} {when} скидки на {item}{end}",
    ),
    "question": (
        "кто знает, {item} {brand} маломерят?",
        "@{tag} когда будут {item} {place}?",
        "сколько идёт доставка {brand} {when}?",
    ),
    "praise": ("обожаю {item} {brand}, {good}{end}", "спасибо @{tag}, {good}{end}", "{item} {brand}: {good}{end}"),
    "complaint": (
        "{item} {brand} опять опоздали {when}, {bad}",
        "приложение {brand} {when} не работает, {bad}",
        "@{tag} жду {item} уже {n} дней, {bad}",
    ),
    "anger": (
        "{shame}, {brand}. {topic} - это {awful}{rage}",
        "Кто одобрил {topic}? {awful_start}{rage}",
        "{demand}, {brand}! {topic} - это {awful}{rage}",
        "Больше никогда {brand} после {topic}{rage}",
        "{awful_start}: {brand} и {topic}. {demand} #{boycott}",
        "{n} лет с {brand}, и вот {topic}. {shame}{rage}",
    ),
    "wonder": ("что случилось у {brand} с {topic}?", "{brand} уже ответили про {topic}?"),
    "defence": ("{brand} ошиблись с {topic}, но хватит уже",),
    "open": ("", "", "наконец ", "так, ", "кстати, "),
    "item": ("ботинки", "куртку", "рюкзак", "кроссовки", "шапку", "худи"),
    "when": ("сегодня", "утром", "на этой неделе", "с понедельника", "только что", "вчера"),
    "place": ("в центре", "в магазине", "на сайте", "в Москве", "в Казани", "на вокзале"),
    "good": ("очень удобно", "я в восторге", "стоит своих денег", "отличное качество"),
    "bad": ("неприятно", "исправьте, пожалуйста", "жаль", "так себе"),
    "end": ("", "", ".", "!", " 🙂", " 👍", " #{tag}"),
    "awful": ("позор", "мерзость", "жестоко", "оскорбление", "ужас", "неуважение"),
    "awful_start": ("Какой стыд", "Это мерзко", "Невероятно", "Просто ужас"),
    "demand": ("Удалите это", "Извинитесь", "Верните деньги", "Мы ждём извинений"),
    "shame": ("как вам не стыдно", "ноль уважения", "доверия больше нет", "стыдно за вас"),
    "rage": ("", "!", "!!", " 😡", " 🤬", " #{boycott}", " 🤮", " @{tag}"),
}
