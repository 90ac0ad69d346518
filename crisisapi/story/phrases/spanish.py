"""What people say about a brand in Spanish."""

from __future__ import annotations

from crisisapi.story.phrases.grammar import Grammar

SPANISH: Grammar = {
    "talk": (
        "{open}estrenando {item} de {brand} {when}{end}",
        "he visto {item} de {brand} {place}{end}",
        "{open}llevo {n} días con {item} de {brand}{end}",
        "{brand} tiene {item} en oferta {when}{end}",
    ),
    "question": (
        "¿alguien sabe si {item} de {brand} talla bien?",
        "@{tag} ¿cuándo llega {item} {place}?",
        "¿cuánto tarda el envío de {brand} {when}?",
    ),
    "praise": (
        "me encanta {item} de {brand}, {good}{end}",
        "gracias @{tag}, {good}{end}",
        "{open}{item} de {brand}: {good}{end}",
    ),
    "complaint": (
        "{item} de {brand} llegó tarde {when}, {bad}",
        "la app de {brand} no funciona {when}, {bad}",
        "@{tag} llevo {n} días esperando {item}, {bad}",
    ),
    "anger": (
        "{shame}, {brand}. {topic} es {awful}{rage}",
        "¿Quién aprobó {topic}? {awful_start}{rage}",
        "{demand}, {brand}. {topic} es {awful}{rage}",
        "No compro más en {brand} después de {topic}{rage}",
        "{awful_start}: {brand} y {topic}. {demand} #{boycott}",
        "{n} años con {brand} y ahora {topic}. {shame}{rage}",
    ),
    "wonder": ("¿qué pasó con {brand} y {topic}?", "¿{brand} ya dijo algo de {topic}?"),
    "defence": ("{brand} se equivocó con {topic}, pero no es para tanto",),
    "open": ("", "", "por fin ", "hoy ", "bueno, "),
    "item": ("las botas", "la chaqueta", "la mochila", "las zapatillas", "el gorro", "la sudadera"),
    "when": ("hoy", "esta mañana", "esta semana", "desde el lunes", "ahora mismo", "ayer"),
    "place": ("en el centro", "en la tienda", "en línea", "en Madrid", "en Sevilla", "en Bogotá"),
    "good": ("muy cómodo todo", "estoy feliz", "vale la pena", "qué maravilla", "muy buena calidad"),
    "bad": ("qué pena", "qué rabia", "por favor arréglenlo", "no me gusta nada"),
    "end": ("", "", ".", "!", " 🙂", " 👍", " #{tag}"),
    "awful": ("asqueroso", "una vergüenza", "cruel", "un insulto", "horrible", "una falta de respeto"),
    "awful_start": ("Qué asco", "Qué vergüenza", "Increíble", "Esto es cruel"),
    "demand": ("Bórrenlo ya", "Pidan perdón", "Quiero mi dinero", "Exigimos disculpas"),
    "shame": ("vergüenza debería darles", "cero respeto", "qué decepción", "han perdido mi confianza"),
    "rage": ("", "!", "!!", " 😡", " 🤬", " #{boycott}", " 🤮", " @{tag}"),
}
